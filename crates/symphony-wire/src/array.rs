//! Arrays of numbers: those over memory that both languages use, and those that are copied into the message.

/// What an array consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Element {
    /// Signed, 8 bits.
    Int8,
    /// Unsigned, 8 bits.
    Uint8,
    /// Signed, 16 bits.
    Int16,
    /// Unsigned, 16 bits.
    Uint16,
    /// Signed, 32 bits.
    Int32,
    /// Unsigned, 32 bits.
    Uint32,
    /// Signed, 64 bits.
    Int64,
    /// Unsigned, 64 bits.
    Uint64,
    /// IEEE 754, 16 bits.
    Float16,
    /// IEEE 754, 32 bits.
    Float32,
    /// IEEE 754, 64 bits.
    Float64,
    /// One byte, 0 or 1.
    Boolean,
    /// Two floats of 32 bits.
    Complex64,
    /// Two floats of 64 bits.
    Complex128,
}

impl Element {
    /// All of them, by their number in the format.
    pub const ALL: [Self; 14] = [
        Self::Int8,
        Self::Uint8,
        Self::Int16,
        Self::Uint16,
        Self::Int32,
        Self::Uint32,
        Self::Int64,
        Self::Uint64,
        Self::Float16,
        Self::Float32,
        Self::Float64,
        Self::Boolean,
        Self::Complex64,
        Self::Complex128,
    ];

    /// The number in the format.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The element of a number.
    pub fn of(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// Bytes of one.
    pub fn size(self) -> usize {
        match self {
            Self::Int8 | Self::Uint8 | Self::Boolean => 1,
            Self::Int16 | Self::Uint16 | Self::Float16 => 2,
            Self::Int32 | Self::Uint32 | Self::Float32 => 4,
            Self::Int64 | Self::Uint64 | Self::Float64 | Self::Complex64 => 8,
            Self::Complex128 => 16,
        }
    }

    /// Bytes of one number: a complex is two of them.
    pub fn number_size(self) -> usize {
        match self {
            Self::Complex64 => 4,
            Self::Complex128 => 8,
            other => other.size(),
        }
    }

    /// The format in the notation of Python's `struct` module, where `Zf` and `Zd` are NumPy's complex numbers.
    pub fn format(self) -> &'static str {
        match self {
            Self::Int8 => "b",
            Self::Uint8 => "B",
            Self::Int16 => "h",
            Self::Uint16 => "H",
            Self::Int32 => "i",
            Self::Uint32 => "I",
            Self::Int64 => "q",
            Self::Uint64 => "Q",
            Self::Float16 => "e",
            Self::Float32 => "f",
            Self::Float64 => "d",
            Self::Boolean => "?",
            Self::Complex64 => "Zf",
            Self::Complex128 => "Zd",
        }
    }
}

/// What becomes of an array's memory in JavaScript.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArrayView {
    /// A typed array.
    Typed,
    /// An array with a shape.
    Shaped,
    /// Bytes, whatever the elements are.
    Bytes,
    /// A copy of `bytes`, which JavaScript makes; the memory belongs to Python alone.
    Copy,
}

/// An array on its way to JavaScript, over memory that stays where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharedArray<'a> {
    /// The handle of the Python object that goes back for it; one crossing.
    pub id: u32,
    /// The number of that object's type.
    pub type_key: u32,
    /// The handle of the object whose memory it is; one crossing more, unless it is the object itself. 0 if no memory is
    /// shared: the array is empty, or JavaScript copies it.
    pub memory: u32,
    /// Whether `memory` is not a handle but the number of a block that JavaScript shares with this process. No crossing then.
    pub of_block: bool,
    /// What becomes of it.
    pub view: ArrayView,
    /// What it consists of.
    pub element: Element,
    /// Whether the memory is a copy, made for this message.
    pub copied: bool,
    /// Whether the Python array has its numbers most significant byte first. The memory never has.
    pub big_endian: bool,
    /// Where the memory is.
    pub address: u64,
    /// How many bytes it has.
    pub bytes: u64,
    /// Where in it the array begins, in bytes.
    pub offset: u64,
    dimensions: &'a [[u8; 16]],
}

const SHARED_HEAD: usize = 40;

impl<'a> SharedArray<'a> {
    /// The length of each dimension, and how many bytes lie between its items.
    pub fn dimensions(&self) -> impl ExactSizeIterator<Item = (u64, i64)> + use<'a> {
        self.dimensions.iter().map(|dimension| {
            let (length, stride) = dimension.split_at(8);
            (word(length), word(stride).cast_signed())
        })
    }

    /// The handles of which this is a crossing, and whether that is of the memory as well.
    pub fn crossings(&self) -> impl Iterator<Item = (u32, bool)> + use<> {
        let is_owner = self.memory == self.id && !self.of_block;
        let other = (self.memory != 0 && !is_owner && !self.of_block).then_some((self.memory, true));
        core::iter::once((self.id, is_owner)).chain(other)
    }

    pub(crate) fn read(payload: &'a [u8]) -> Option<Self> {
        let (head, rest) = payload.split_at_checked(SHARED_HEAD)?;
        let (dimensions, []) = rest.as_chunks::<16>() else {
            return None;
        };
        if dimensions.len() != usize::from(head[15]) || head[14] > 7 {
            return None;
        }
        Some(Self {
            id: half_word(head),
            type_key: half_word(&head[4..]),
            memory: half_word(&head[8..]),
            view: match head[12] {
                0 => ArrayView::Typed,
                1 => ArrayView::Shaped,
                2 => ArrayView::Bytes,
                3 => ArrayView::Copy,
                _ => return None,
            },
            element: Element::of(head[13])?,
            copied: head[14] & 1 != 0,
            big_endian: head[14] & 2 != 0,
            of_block: head[14] & 4 != 0,
            address: word(&head[16..]),
            bytes: word(&head[24..]),
            offset: word(&head[32..]),
            dimensions,
        })
    }

    /// An array without dimensions, which [`Writer::shared_array`](crate::Writer::shared_array) gets apart.
    pub fn new(id: u32, type_key: u32, view: ArrayView, element: Element) -> Self {
        Self {
            id,
            type_key,
            memory: 0,
            of_block: false,
            view,
            element,
            copied: false,
            big_endian: false,
            address: 0,
            bytes: 0,
            offset: 0,
            dimensions: &[],
        }
    }

    pub(crate) fn head(&self, dimensions: u8) -> [u8; SHARED_HEAD] {
        let mut head = [0; SHARED_HEAD];
        head[..4].copy_from_slice(&self.id.to_le_bytes());
        head[4..8].copy_from_slice(&self.type_key.to_le_bytes());
        head[8..12].copy_from_slice(&self.memory.to_le_bytes());
        head[12] = match self.view {
            ArrayView::Typed => 0,
            ArrayView::Shaped => 1,
            ArrayView::Bytes => 2,
            ArrayView::Copy => 3,
        };
        head[13] = self.element.code();
        head[14] = u8::from(self.copied) | (u8::from(self.big_endian) << 1) | (u8::from(self.of_block) << 2);
        head[15] = dimensions;
        head[16..24].copy_from_slice(&self.address.to_le_bytes());
        head[24..32].copy_from_slice(&self.bytes.to_le_bytes());
        head[32..].copy_from_slice(&self.offset.to_le_bytes());
        head
    }
}

/// Whose memory an array on its way to Python is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemorySource {
    /// That of a Python object: the number is its handle id.
    Object,
    /// A block of the bridge's own: the number is that of the block.
    Block,
}

/// What becomes of an array in Python.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArrayTarget {
    /// A `memoryview`.
    MemoryView,
    /// A `numpy.ndarray`, or a `memoryview` with that shape where there is no NumPy.
    NdArray,
    /// `bytes`: a copy.
    Bytes,
}

/// An array on its way to Python, over memory that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArrayReference<'a> {
    /// Whose memory it is.
    pub source: MemorySource,
    /// The number of that.
    pub id: u32,
    /// What becomes of it.
    pub target: ArrayTarget,
    /// What it consists of.
    pub element: Element,
    /// Where in the memory it begins, in bytes.
    pub offset: u64,
    /// How many bytes it has.
    pub bytes: u64,
    shape: &'a [[u8; 8]],
}

const REFERENCE_HEAD: usize = 24;

impl<'a> ArrayReference<'a> {
    /// The length of each dimension; their product is the number of elements.
    pub fn shape(&self) -> impl ExactSizeIterator<Item = u64> + use<'a> {
        self.shape.iter().map(|length| u64::from_le_bytes(*length))
    }

    pub(crate) fn read(payload: &'a [u8]) -> Option<Self> {
        let (head, rest) = payload.split_at_checked(REFERENCE_HEAD)?;
        let (shape, []) = rest.as_chunks::<8>() else {
            return None;
        };
        let array = Self {
            source: match head[4] {
                0 => MemorySource::Object,
                1 => MemorySource::Block,
                _ => return None,
            },
            id: half_word(head),
            element: Element::of(head[5])?,
            target: match head[6] {
                0 => ArrayTarget::MemoryView,
                1 => ArrayTarget::NdArray,
                2 => ArrayTarget::Bytes,
                _ => return None,
            },
            offset: word(&head[8..]),
            bytes: word(&head[16..]),
            shape,
        };
        let mut elements = 1_u64;
        for length in array.shape() {
            elements = elements.checked_mul(length)?;
        }
        let bytes = elements.checked_mul(u64::try_from(array.element.size()).ok()?)?;
        (bytes == array.bytes && shape.len() == usize::from(head[7])).then_some(array)
    }

    /// The whole payload: what the JavaScript half writes, for tests.
    pub fn payload(
        source: MemorySource,
        id: u32,
        target: ArrayTarget,
        element: Element,
        offset: u64,
        shape: &[u64],
    ) -> Vec<u8> {
        let size = u64::try_from(element.size()).unwrap_or_default();
        let bytes = shape.iter().product::<u64>() * size;
        let mut payload = id.to_le_bytes().to_vec();
        let source = match source {
            MemorySource::Object => 0,
            MemorySource::Block => 1,
        };
        let target = match target {
            ArrayTarget::MemoryView => 0,
            ArrayTarget::NdArray => 1,
            ArrayTarget::Bytes => 2,
        };
        let dimensions = u8::try_from(shape.len()).unwrap_or(u8::MAX);
        payload.extend([source, element.code(), target, dimensions]);
        payload.extend(offset.to_le_bytes());
        payload.extend(bytes.to_le_bytes());
        payload.extend(shape.iter().flat_map(|length| length.to_le_bytes()));
        payload
    }
}

/// An array that is in the message itself, little-endian and not aligned; a `memoryview` in Python.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopiedArray<'a> {
    /// What it consists of.
    pub element: Element,
    /// The items.
    pub bytes: &'a [u8],
}

impl<'a> CopiedArray<'a> {
    pub(crate) fn read(payload: &'a [u8]) -> Option<Self> {
        let (code, bytes) = payload.split_first()?;
        let element = Element::of(*code)?;
        bytes
            .len()
            .is_multiple_of(element.size())
            .then_some(Self { element, bytes })
    }
}

/// An array on its way to JavaScript in another process, with its items, little-endian and without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InlineArray<'a> {
    /// The handle of the Python object that goes back for it; one crossing.
    pub id: u32,
    /// The number of that object's type.
    pub type_key: u32,
    /// What becomes of it.
    pub view: ArrayView,
    /// What it consists of.
    pub element: Element,
    /// Whether the Python array has its numbers most significant byte first. The items here never have.
    pub big_endian: bool,
    /// The items, unless they are in memory.
    pub bytes: &'a [u8],
    /// The number of the memory that they are in, which came before the message; or 0.
    pub memory: u32,
    shape: &'a [[u8; 8]],
}

const INLINE_HEAD: usize = 12;

impl<'a> InlineArray<'a> {
    /// An array without a shape, which [`Writer::inline_array`](crate::Writer::inline_array) gets apart.
    pub fn new(id: u32, type_key: u32, view: ArrayView, element: Element, bytes: &'a [u8]) -> Self {
        Self {
            id,
            type_key,
            view,
            element,
            big_endian: false,
            bytes,
            memory: 0,
            shape: &[],
        }
    }

    /// The length of each dimension; their product is the number of elements.
    pub fn shape(&self) -> impl ExactSizeIterator<Item = u64> + use<'a> {
        self.shape.iter().map(|length| u64::from_le_bytes(*length))
    }

    pub(crate) fn read(payload: &'a [u8]) -> Option<Self> {
        let (head, rest) = payload.split_at_checked(INLINE_HEAD)?;
        let (shape, bytes) = rest.split_at_checked(8 * usize::from(head[11]))?;
        let (shape, _) = shape.as_chunks::<8>();
        let in_memory = head[10] & 2 != 0;
        let array = Self {
            id: half_word(head),
            type_key: half_word(&head[4..]),
            view: match head[8] {
                0 => ArrayView::Typed,
                1 => ArrayView::Shaped,
                2 => ArrayView::Bytes,
                3 => ArrayView::Copy,
                _ => return None,
            },
            element: Element::of(head[9])?,
            big_endian: head[10] & 1 != 0,
            bytes: if in_memory { &[] } else { bytes },
            memory: if in_memory { half_word(bytes) } else { 0 },
            shape,
        };
        let fits = if in_memory {
            bytes.len() == 4 && array.memory != 0
        } else {
            is_of_shape(array.shape(), array.element, bytes.len())
        };
        (fits && head[10] <= 3).then_some(array)
    }

    pub(crate) fn head(&self, dimensions: u8) -> [u8; INLINE_HEAD] {
        let mut head = [0; INLINE_HEAD];
        head[..4].copy_from_slice(&self.id.to_le_bytes());
        head[4..8].copy_from_slice(&self.type_key.to_le_bytes());
        head[8] = match self.view {
            ArrayView::Typed => 0,
            ArrayView::Shaped => 1,
            ArrayView::Bytes => 2,
            ArrayView::Copy => 3,
        };
        head[9] = self.element.code();
        head[10] = u8::from(self.big_endian) | (u8::from(self.memory != 0) << 1);
        head[11] = dimensions;
        head
    }
}

/// An array on its way to Python in another process, with its items, little-endian and without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageArray<'a> {
    /// What becomes of it: not `bytes`, which have a form of their own.
    pub target: ArrayTarget,
    /// What it consists of.
    pub element: Element,
    /// The items.
    pub bytes: &'a [u8],
    shape: &'a [[u8; 8]],
}

impl<'a> MessageArray<'a> {
    /// The length of each dimension; their product is the number of elements.
    pub fn shape(&self) -> impl ExactSizeIterator<Item = u64> + use<'a> {
        self.shape.iter().map(|length| u64::from_le_bytes(*length))
    }

    pub(crate) fn read(payload: &'a [u8]) -> Option<Self> {
        let (head, rest) = payload.split_first_chunk::<4>()?;
        let (shape, bytes) = rest.split_at_checked(8 * usize::from(head[2]))?;
        let (shape, _) = shape.as_chunks::<8>();
        let array = Self {
            target: match head[0] {
                0 => ArrayTarget::MemoryView,
                1 => ArrayTarget::NdArray,
                _ => return None,
            },
            element: Element::of(head[1])?,
            bytes,
            shape,
        };
        (head[3] == 0 && is_of_shape(array.shape(), array.element, bytes.len())).then_some(array)
    }

    /// The whole payload: what the JavaScript half writes, for tests.
    pub fn payload(target: ArrayTarget, element: Element, shape: &[u64], bytes: &[u8]) -> Vec<u8> {
        let target = match target {
            ArrayTarget::MemoryView | ArrayTarget::Bytes => 0,
            ArrayTarget::NdArray => 1,
        };
        let mut payload = vec![target, element.code(), u8::try_from(shape.len()).unwrap_or(u8::MAX), 0];
        payload.extend(shape.iter().flat_map(|length| length.to_le_bytes()));
        payload.extend(bytes);
        payload
    }
}

/// Whether so many bytes are as many elements as the shape says.
fn is_of_shape(mut shape: impl Iterator<Item = u64>, element: Element, bytes: usize) -> bool {
    let elements = shape.try_fold(1_u64, u64::checked_mul);
    elements.and_then(|elements| elements.checked_mul(element.size() as u64)) == Some(bytes as u64)
}

fn word(bytes: &[u8]) -> u64 {
    bytes.first_chunk().copied().map_or(0, u64::from_le_bytes)
}

fn half_word(bytes: &[u8]) -> u32 {
    bytes.first_chunk().copied().map_or(0, u32::from_le_bytes)
}
