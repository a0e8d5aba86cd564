//! Messages that JavaScript will not read, because its environment ended: who else would give back the handles in them?

use symphony_wire::{Reader, Token};

use crate::handles::OF_MEMORY;

/// Bytes of a completion in front of its value: its length, the request id, the status.
const COMPLETION_HEAD: usize = 9;
/// Bytes of a question in front of its parts: the operation, the number of the object, that of `this`.
const QUESTION_HEAD: usize = 9;

/// The crossings of handles in wire values that stand back to back; as often as they stand there.
pub(super) fn handles_in(values: &[u8]) -> Vec<u32> {
    let mut handles = Vec::new();
    let mut reader = Reader::new(values);
    while !reader.is_at_end()
        && let Ok(token) = reader.token()
    {
        match token {
            Token::Handle { id, .. } => handles.push(id),
            Token::InlineArray(array) => handles.push(array.id),
            Token::SharedArray(array) => handles.extend(
                array
                    .crossings()
                    .map(|(id, of_memory)| if of_memory { id | OF_MEMORY } else { id }),
            ),
            _ => {}
        }
    }
    handles
}

/// The handles in the parts of a question.
pub fn handles_in_question(question: &[u8]) -> Vec<u32> {
    handles_in(question.get(QUESTION_HEAD..).unwrap_or_default())
}

/// The handles in the values of completions.
pub fn handles_in_completions(batch: &[u8]) -> Vec<u32> {
    let mut handles = Vec::new();
    let mut rest = batch;
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let end = after.len().min(u32::from_le_bytes(*length) as usize);
        handles.extend(handles_in(after.get(COMPLETION_HEAD - 4..end).unwrap_or_default()));
        rest = &after[end..];
    }
    handles
}

#[cfg(test)]
mod tests {
    use super::{handles_in, handles_in_completions};
    use symphony_wire::Writer;

    fn value(handles: &[u32]) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.array(handles.len() + 1).expect("short");
        writer.text("no handle").expect("short");
        for id in handles {
            writer.handle(*id, 7);
        }
        writer.into_vec()
    }

    #[test]
    fn handles_are_found_in_values_and_completions() {
        assert_eq!(handles_in(&value(&[3, 3, 9])), [3, 3, 9]);
        assert!(handles_in(&[]).is_empty());
        let mut batch = Vec::new();
        for ids in [&[1][..], &[], &[2, 5]] {
            let value = value(ids);
            batch.extend(u32::try_from(value.len() + 5).expect("short").to_le_bytes());
            batch.extend([8, 0, 0, 0, 0]);
            batch.extend(value);
        }
        // One that was done without conversion.
        batch.extend([5, 0, 0, 0, 8, 0, 0, 0, 2]);
        assert_eq!(handles_in_completions(&batch), [1, 2, 5]);
    }
}
