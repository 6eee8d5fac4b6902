//! What `torch.save` writes: a pickle that describes tensors, and the numbers beside it. Zip archives since PyTorch 1.6, and
//! the older format, one pickle behind the other.
//!
//! **Source** `torch/serialization.py`, `torch/_utils.py`.

mod state;

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use half::{bf16, f16};

use self::state::State;
use super::pickle::{Id, Pickle, Value};
use super::{Contents, MOST_AXES, elements, zip};

/// Whether this begins as a zip archive does.
pub(super) fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

/// Whether this begins as a file of the older format does: with the pickled number 0x1950a86a20f9469cfc6c.
pub(super) fn is_legacy(bytes: &[u8]) -> bool {
    const MAGIC: [u8; 10] = *b"\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
    let start = &bytes[..bytes.len().min(32)];
    start.starts_with(b"\x80") && start.windows(MAGIC.len()).any(|number| number == MAGIC)
}

/// The tensors of the state dict in a file.
///
/// **Errors** say what is wrong with it or what it holds instead.
pub(super) fn read(bytes: &[u8]) -> Result<Contents, String> {
    if is_zip(bytes) {
        read_zip(bytes)
    } else {
        read_legacy(bytes)
    }
}

fn read_zip(bytes: &[u8]) -> Result<Contents, String> {
    let entries = zip::entries(bytes)?;
    let Some(pickled) = entries
        .keys()
        .find(|name| name.as_str() == "data.pkl" || name.ends_with("/data.pkl"))
    else {
        return Err("it is a zip archive without the data.pkl that torch.save writes".into());
    };
    let root = &pickled[..pickled.len() - "data.pkl".len()];
    if entries.contains_key(&format!("{root}constants.pkl")) {
        return Err("it is a TorchScript program; expected a state dict (torch.save(module.state_dict(), …))".into());
    }
    if entries
        .get(&format!("{root}byteorder"))
        .is_some_and(|place| &bytes[place.clone()] == b"big")
    {
        return Err(BIG_ENDIAN.into());
    }
    let pickle = Pickle::read(&bytes[entries[pickled].clone()], &mut 0)?;
    let storage = |key: &str| {
        entries
            .get(&format!("{root}data/{key}"))
            .map(|place| &bytes[place.clone()])
    };
    State::find(&pickle)?.tensors(&pickle, bytes.len(), storage)
}

const BIG_ENDIAN: &str = "its numbers were saved with the highest byte first, which this program does not read";

fn read_legacy(bytes: &[u8]) -> Result<Contents, String> {
    let mut at = 0;
    let _magic = Pickle::read(bytes, &mut at)?;
    let _protocol = Pickle::read(bytes, &mut at)?;
    let machine = at;
    let _machine = Pickle::read(bytes, &mut at)?;
    // {"protocol_version": 1001, "little_endian": True, …}; of truth values only the instruction tells which.
    let about = &bytes[machine..at];
    let little = about.windows(13).position(|word| word == b"little_endian");
    if little.is_some_and(|place| about[place + 13..].iter().find(|&&byte| byte == 0x88 || byte == 0x89) == Some(&0x89))
    {
        return Err(BIG_ENDIAN.into());
    }
    let pickle = Pickle::read(bytes, &mut at)?;
    let keys = Pickle::read(bytes, &mut at)?;
    let state = State::find(&pickle)?;

    // Behind the pickles: each storage's number of elements and the elements, in the order of the keys.
    let kinds = kinds(&pickle);
    let mut storages = HashMap::new();
    for &key in keys.sequence(keys.root()).ok_or("its list of storages is broken")? {
        let key = keys.text(key).ok_or("its list of storages is broken")?;
        let kind = kinds.get(key).ok_or("its list of storages is broken")?;
        let count = bytes
            .get(at..)
            .and_then(|rest| rest.get(..8))
            .ok_or(CUT_SHORT_STORAGE)?;
        let count = usize::try_from(i64::from_le_bytes(count.try_into().expect("8 bytes"))).ok();
        let size = kind.size().ok_or_else(|| kind.refusal())?;
        let length = count
            .and_then(|count| count.checked_mul(size))
            .ok_or("a storage in it has an impossible size")?;
        at += 8;
        let elements = bytes
            .get(at..)
            .and_then(|rest| rest.get(..length))
            .ok_or(CUT_SHORT_STORAGE)?;
        at += length;
        storages.insert(String::from_utf8_lossy(key).into_owned(), elements);
    }
    state.tensors(&pickle, bytes.len(), |key| storages.get(key).copied())
}

const CUT_SHORT_STORAGE: &str = "it is cut short: numbers of a tensor are missing";

/// The element type of each storage that a pickle mentions.
fn kinds<'a>(pickle: &Pickle<'a>) -> HashMap<&'a [u8], Kind> {
    let storages = (0..pickle.len()).filter_map(|id| Storage::read(pickle, id));
    storages.map(|storage| (storage.key, storage.kind)).collect()
}

/// An element type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    F16,
    Bf16,
    F32,
    F64,
    U8,
    I8,
    I16,
    I32,
    I64,
    Bool,
    /// Its name in PyTorch.
    Unknown(String),
}

impl Kind {
    /// By the name of a storage's class or of a dtype: `FloatStorage`, `float32`.
    fn named(name: &[u8]) -> Self {
        match name {
            b"HalfStorage" | b"float16" | b"half" => Self::F16,
            b"BFloat16Storage" | b"bfloat16" => Self::Bf16,
            b"FloatStorage" | b"float32" | b"float" => Self::F32,
            b"DoubleStorage" | b"float64" | b"double" => Self::F64,
            b"ByteStorage" | b"uint8" => Self::U8,
            b"CharStorage" | b"int8" => Self::I8,
            b"ShortStorage" | b"int16" | b"short" => Self::I16,
            b"IntStorage" | b"int32" | b"int" => Self::I32,
            b"LongStorage" | b"int64" | b"long" => Self::I64,
            b"BoolStorage" | b"bool" => Self::Bool,
            other => Self::Unknown(String::from_utf8_lossy(other).into_owned()),
        }
    }

    /// Bytes of an element.
    fn size(&self) -> Option<usize> {
        match self {
            Self::U8 | Self::I8 | Self::Bool => Some(1),
            Self::F16 | Self::Bf16 | Self::I16 => Some(2),
            Self::F32 | Self::I32 => Some(4),
            Self::F64 | Self::I64 => Some(8),
            Self::Unknown(_) => None,
        }
    }

    fn refusal(&self) -> String {
        match self {
            Self::Unknown(name) => format!("expected f32, f64, f16 or bf16, got {name}"),
            other => format!("expected f32, f64, f16 or bf16, got {other:?}"),
        }
    }
}

/// What a persistent id says: `('storage', torch.FloatStorage, '0', 'cpu', 6)`.
struct Storage<'a> {
    kind: Kind,
    key: &'a [u8],
    /// Where a view begins, in elements; only the older format has views.
    offset: usize,
}

impl<'a> Storage<'a> {
    fn read(pickle: &Pickle<'a>, id: Id) -> Option<Self> {
        let Value::Persistent(inner) = pickle.get(id) else {
            return None;
        };
        let parts = pickle.sequence(*inner)?;
        if pickle.text(*parts.first()?)? != b"storage" {
            return None;
        }
        let Value::Global(_, class) = pickle.get(*parts.get(1)?) else {
            return None;
        };
        let view = parts
            .get(5)
            .and_then(|&view| pickle.sequence(view))
            .and_then(|view| view.get(1));
        let offset = view.and_then(|&offset| pickle.int(offset)).unwrap_or(0);
        Some(Self {
            kind: Kind::named(class),
            key: pickle.text(*parts.get(2)?)?,
            offset: usize::try_from(offset).ok()?,
        })
    }
}

/// A tensor's place among the numbers.
struct Description<'a> {
    kind: Kind,
    key: &'a [u8],
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

impl<'a> Description<'a> {
    /// The tensor that a value stands for, `None` if it is something else.
    ///
    /// **Errors** if it is a tensor of which the description is broken, or of a kind that is not supported.
    fn read(pickle: &Pickle<'a>, id: Id) -> Result<Option<Self>, String> {
        let (mut function, mut arguments) = match pickle.get(id) {
            Value::Call(function, arguments) => (*function, *arguments),
            _ => return Ok(None),
        };
        // A parameter is a call around a tensor, a subclass one more; no file wraps a tensor often.
        for _ in 0..8 {
            let &Value::Global(module, name) = pickle.get(function) else {
                return Ok(None);
            };
            let arguments_are = pickle.sequence(arguments).unwrap_or_default();
            match (module, name) {
                (b"torch._utils", b"_rebuild_tensor" | b"_rebuild_tensor_v2" | b"_rebuild_tensor_v3") => {
                    return Self::of_arguments(pickle, arguments_are)
                        .map(Some)
                        .ok_or("its description is broken".into());
                }
                (b"torch._utils", b"_rebuild_parameter" | b"_rebuild_parameter_with_state") => {
                    match arguments_are.first().map(|&inner| pickle.get(inner)) {
                        Some(&Value::Call(inner, its)) => (function, arguments) = (inner, its),
                        _ => return Err("its description is broken".into()),
                    }
                }
                (b"torch._tensor", b"_rebuild_from_type_v2") => match *arguments_are {
                    [inner, _, its, ..] => (function, arguments) = (inner, its),
                    _ => return Err("its description is broken".into()),
                },
                (b"torch._utils" | b"torch._tensor", name) if name.starts_with(b"_rebuild") => {
                    let name = String::from_utf8_lossy(name);
                    return Err(format!("{name} makes a tensor of a kind that is not supported"));
                }
                _ => return Ok(None),
            }
        }
        Err("its description is broken".into())
    }

    /// Storage, offset, size, stride, …, and in the third version a dtype.
    fn of_arguments(pickle: &Pickle<'a>, arguments: &[Id]) -> Option<Self> {
        let [storage, offset, shape, strides, ..] = *arguments else {
            return None;
        };
        let storage = Storage::read(pickle, storage)?;
        let whole = |id: Id| usize::try_from(pickle.int(id)?).ok();
        let axes = |id: Id| pickle.sequence(id).filter(|axes| axes.len() <= MOST_AXES);
        let wholes = |id: Id| axes(id)?.iter().map(|&id| whole(id)).collect::<Option<Vec<_>>>();
        let (shape, strides) = (wholes(shape)?, wholes(strides)?);
        let dtype = arguments.get(6).map(|&dtype| pickle.get(dtype));
        let kind = match dtype {
            Some(&Value::Global(b"torch", name)) => Kind::named(name),
            _ => storage.kind,
        };
        (shape.len() == strides.len()).then_some(Self {
            kind,
            key: storage.key,
            offset: storage.offset.checked_add(whole(offset)?)?,
            shape,
            strides,
        })
    }

    /// The tensor with the numbers of its storage, of which at most `most` may be used.
    fn tensor(&self, storage: &[u8], most: &mut usize) -> Result<Tensor, String> {
        let size = self.kind.size().ok_or_else(|| self.kind.refusal())?;
        let count = elements(&self.shape)?;
        // Strides of 0 make much of little.
        *most = most.checked_sub(count).ok_or("it is larger than the file it lies in")?;
        let reach = self
            .shape
            .iter()
            .zip(&self.strides)
            .try_fold(self.offset, |reach, (&side, &stride)| {
                reach.checked_add(side.saturating_sub(1).checked_mul(stride)?)
            });
        if count > 0 && reach.is_none_or(|reach| reach >= storage.len() / size) {
            return Err("some of its numbers are missing; the file is broken or cut short".into());
        }
        let places = Places::new(self, count);
        let shape = self.shape.as_slice();
        macro_rules! numbers {
            ($type:ty, $size:literal, $convert:expr) => {{
                let read = |place: usize| {
                    let bytes: [u8; $size] = storage[place * $size..][..$size]
                        .try_into()
                        .expect("so many bytes");
                    $convert(<$type>::from_le_bytes(bytes))
                };
                Tensor::from_vec(places.map(read).collect::<Vec<_>>(), shape, &Device::Cpu)
            }};
        }
        let tensor = match self.kind {
            Kind::F16 => numbers!(f16, 2, f16::to_f32),
            Kind::Bf16 => numbers!(bf16, 2, bf16::to_f32),
            Kind::F32 => numbers!(f32, 4, std::convert::identity),
            Kind::F64 => numbers!(f64, 8, |number| number as f32),
            Kind::U8 | Kind::Bool => numbers!(u8, 1, std::convert::identity),
            Kind::I8 => numbers!(i8, 1, i64::from),
            Kind::I16 => numbers!(i16, 2, i64::from),
            Kind::I32 => numbers!(i32, 4, i64::from),
            Kind::I64 => numbers!(i64, 8, std::convert::identity),
            Kind::Unknown(_) => return Err(self.kind.refusal()),
        };
        tensor.map_err(|error| error.to_string())
    }
}

/// Where the elements of a tensor are in its storage, in the order of a contiguous tensor.
struct Places<'a> {
    shape: &'a [usize],
    strides: &'a [usize],
    index: Vec<usize>,
    place: usize,
    left: usize,
}

impl<'a> Places<'a> {
    fn new(tensor: &'a Description, count: usize) -> Self {
        Self {
            shape: &tensor.shape,
            strides: &tensor.strides,
            index: vec![0; tensor.shape.len()],
            place: tensor.offset,
            left: count,
        }
    }
}

impl Iterator for Places<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let place = self.place;
        for axis in (0..self.shape.len()).rev() {
            self.index[axis] += 1;
            if self.index[axis] < self.shape[axis] {
                self.place += self.strides[axis];
                break;
            }
            self.place -= (self.shape[axis] - 1) * self.strides[axis];
            self.index[axis] = 0;
        }
        Some(place)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}
