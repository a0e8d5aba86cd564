//! What happens in the pool, as the ring of events has it.

use crate::domain::{DeadInstance, HotMap, RawEvent, write_event};
use crate::ids::{Id128, InstanceId, ModelId};
use crate::lifecycle::{InstanceState, TransitionReason};
use crate::time::Mono;

/// A change of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StateTransition {
    /// When.
    pub at: Mono,
    /// Of which model.
    pub model: ModelId,
    /// Of which loaded one.
    pub instance: InstanceId,
    /// The state before.
    pub from: InstanceState,
    /// The state after.
    pub to: InstanceState,
    /// Why.
    pub reason: TransitionReason,
}

/// Something that happened in the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PoolEvent {
    /// A loaded model changed its state. When its process has ended, the one change is to cold.
    Transition(StateTransition),
    /// Another model was lent than the one that was asked for.
    Fallback {
        /// When.
        at: Mono,
        /// What was asked for.
        wanted: ModelId,
        /// What was lent.
        granted: ModelId,
    },
    /// So many events happened that were not seen, because the reader was late or their writer was killed.
    Lost(u64),
}

const TRANSITION: u64 = 1;
const FALLBACK: u64 = 2;

pub(crate) fn transition(
    model: ModelId,
    instance: InstanceId,
    from: InstanceState,
    to: InstanceState,
    reason: TransitionReason,
) -> [u64; 5] {
    let numbers = [from.number(), to.number(), reason as u8];
    let head = numbers
        .into_iter()
        .fold(TRANSITION, |head, number| head << 8 | u64::from(number));
    let ([instance_high, instance_low], [model_high, model_low]) = (instance.0.words(), model.0.words());
    [head, instance_high, instance_low, model_high, model_low]
}

pub(crate) fn fallback(wanted: ModelId, granted: ModelId) -> [u64; 5] {
    let ([wanted_high, wanted_low], [granted_high, granted_low]) = (wanted.0.words(), granted.0.words());
    [FALLBACK << 24, wanted_high, wanted_low, granted_high, granted_low]
}

/// The pool's meaning of an event; `None` if it is not the pool's, or nonsense.
pub(crate) fn decode(event: RawEvent) -> Option<PoolEvent> {
    let [head, first_high, first_low, second_high, second_low] = event.what;
    let first = Id128::from_words([first_high, first_low]);
    let second = Id128::from_words([second_high, second_low]);
    let [.., kind, from, to, reason] = head.to_be_bytes();
    match u64::from(kind) {
        TRANSITION => Some(PoolEvent::Transition(StateTransition {
            at: event.at,
            instance: InstanceId(first),
            model: ModelId(second),
            from: InstanceState::from_number(from)?,
            to: InstanceState::from_number(to)?,
            reason: TransitionReason::from_number(reason)?,
        })),
        FALLBACK => Some(PoolEvent::Fallback {
            at: event.at,
            wanted: ModelId(first),
            granted: ModelId(second),
        }),
        _ => None,
    }
}

/// Writes down that a model was lost with its process.
pub(crate) fn record_death(map: &HotMap, lost: DeadInstance) {
    let what = transition(
        lost.model,
        lost.instance,
        lost.state,
        InstanceState::Cold,
        TransitionReason::OwnerDied,
    );
    write_event(map, what);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_as_they_were_written() {
        let (model, instance, other) = (ModelId::new(), InstanceId::new(), ModelId::new());
        let at = Mono(5);
        for from in InstanceState::ALL {
            for reason in TransitionReason::ALL {
                let what = transition(model, instance, from, InstanceState::Parked, reason);
                let expected = StateTransition {
                    at,
                    model,
                    instance,
                    from,
                    to: InstanceState::Parked,
                    reason,
                };
                assert_eq!(
                    decode(RawEvent { ticket: 0, at, what }),
                    Some(PoolEvent::Transition(expected))
                );
            }
        }
        let what = fallback(model, other);
        let expected = PoolEvent::Fallback {
            at,
            wanted: model,
            granted: other,
        };
        assert_eq!(decode(RawEvent { ticket: 0, at, what }), Some(expected));
        assert_eq!(
            decode(RawEvent {
                ticket: 0,
                at,
                what: [0; 5]
            }),
            None
        );
    }
}
