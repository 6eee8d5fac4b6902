//! What a pickle describes, without doing it.
//!
//! A pickle is a program for a stack machine that builds Python objects. Here each instruction only notes what it would
//! have made: a call stays a note of a function's name and its arguments. Values are numbered and refer to each other by
//! number, so that a value used a million times is held once, nothing is nested in memory, and nothing here recurses.
//!
//! **Source** Python's `pickletools`, which lists every instruction, protocols 0 to 5.

mod machine;

use self::machine::Machine;

/// The number of a value.
pub(super) type Id = usize;

/// A Python object, or what would have made it.
#[derive(Debug)]
pub(super) enum Value<'a> {
    /// A whole number that fits.
    Int(i64),
    /// A string, or bytes.
    Text(&'a [u8]),
    /// A tuple, list or set.
    Sequence(Vec<Id>),
    /// A dictionary, in the order of its keys.
    Dict(Vec<(Id, Id)>),
    /// Something that a module holds: `torch._utils`, `_rebuild_tensor_v2`.
    Global(&'a [u8], &'a [u8]),
    /// A call with its arguments, a sequence.
    Call(Id, Id),
    /// What `torch.save` keeps outside the pickle.
    Persistent(Id),
    /// None, a truth value, a fraction, a number that does not fit: nothing that a tensor is made of.
    Other,
}

/// All values of a pickle.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    values: Vec<Value<'a>>,
    root: Id,
}

impl<'a> Pickle<'a> {
    /// Runs the pickle that begins at `*at`, which then is where it ends.
    ///
    /// **Errors** say what is wrong with it, or that it is too long.
    pub fn read(bytes: &'a [u8], at: &mut usize) -> Result<Self, String> {
        let mut machine = Machine::new(bytes, *at);
        let root = machine.run()?;
        *at = machine.at;
        Ok(Self {
            values: machine.values,
            root,
        })
    }

    /// What the whole pickle describes.
    pub fn root(&self) -> Id {
        self.root
    }

    /// How many values there are; each number below it stands for one.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    pub fn get(&self, id: Id) -> &Value<'a> {
        &self.values[id]
    }

    pub fn int(&self, id: Id) -> Option<i64> {
        match self.get(id) {
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }

    pub fn text(&self, id: Id) -> Option<&'a [u8]> {
        match self.get(id) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn sequence(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Value::Sequence(items) => Some(items),
            _ => None,
        }
    }
}
