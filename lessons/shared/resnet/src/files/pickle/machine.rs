//! The stack machine that a pickle is a program for.

use std::collections::HashMap;

use super::{Id, Value};

/// Instructions and copied items in one pickle: a few hundred times what a large network has.
const MOST_WORK: usize = 2_000_000;

pub(super) struct Machine<'a> {
    bytes: &'a [u8],
    /// The next byte.
    pub at: usize,
    work: usize,
    /// What was made so far.
    pub values: Vec<Value<'a>>,
    stack: Vec<Id>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
}

impl<'a> Machine<'a> {
    pub fn new(bytes: &'a [u8], at: usize) -> Self {
        Self {
            bytes,
            at,
            work: 0,
            values: vec![],
            stack: vec![],
            marks: vec![],
            memo: HashMap::new(),
        }
    }

    pub fn run(&mut self) -> Result<Id, String> {
        loop {
            self.count(1)?;
            match self.byte()? {
                b'.' => return self.pop(),
                instruction => self.step(instruction)?,
            }
        }
    }

    fn step(&mut self, instruction: u8) -> Result<(), String> {
        match instruction {
            0x80 => match self.byte()? {
                0..=5 => Ok(()),
                other => Err(format!(
                    "its pickle is of protocol {other}, which this program does not know"
                )),
            },
            0x95 => self.take(8).map(drop), // a frame: for those who read from a socket

            // Numbers and other atoms
            b'N' | 0x88 | 0x89 => self.push(Value::Other),
            b'J' => self.int_of(4, true),
            b'K' => self.int_of(1, false),
            b'M' => self.int_of(2, false),
            b'I' | b'L' => {
                let line = self.line()?;
                let digits = std::str::from_utf8(line).unwrap_or_default().trim_end_matches('L');
                self.push(digits.parse().map_or(Value::Other, Value::Int))
            }
            0x8a => {
                let length = self.length(1)?;
                self.long(length)
            }
            0x8b => {
                let length = self.length(4)?;
                self.long(length)
            }
            b'F' => {
                self.line()?;
                self.push(Value::Other)
            }
            b'G' => {
                self.take(8)?;
                self.push(Value::Other)
            }

            // Texts and bytes
            b'S' => {
                let line = self.line()?;
                let inner = line.get(1..line.len().saturating_sub(1)).unwrap_or_default();
                self.push(Value::Text(inner))
            }
            b'V' => {
                let line = self.line()?;
                self.push(Value::Text(line))
            }
            b'U' | b'C' | 0x8c => self.text(1),
            b'T' | b'X' | b'B' => self.text(4),
            0x8d | 0x8e | 0x96 => self.text(8),

            // Containers
            b'(' => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            b')' | b']' | 0x8f => self.push(Value::Sequence(vec![])),
            b'}' => self.push(Value::Dict(vec![])),
            b't' | b'l' | 0x91 => {
                let items = self.items()?;
                self.push(Value::Sequence(items))
            }
            0x85..=0x87 => {
                let count = usize::from(instruction - 0x84);
                let items = self.top(count)?;
                self.push(Value::Sequence(items))
            }
            b'd' => {
                let items = self.items()?;
                self.push(Value::Dict(pairs(&items)?))
            }
            b'a' => {
                let items = self.top(1)?;
                self.append(&items)
            }
            b'e' | 0x90 => {
                let items = self.items()?;
                self.append(&items)
            }
            b's' => {
                let items = self.top(2)?;
                self.set(&items)
            }
            b'u' => {
                let items = self.items()?;
                self.set(&items)
            }

            // Names and calls
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Value::Global(module, name))
            }
            0x93 => {
                let names = self.top(2)?;
                match (&self.values[names[0]], &self.values[names[1]]) {
                    (&Value::Text(module), &Value::Text(name)) => self.push(Value::Global(module, name)),
                    _ => Err(BROKEN.into()),
                }
            }
            b'R' | 0x81 => {
                let call = self.top(2)?;
                self.call(call[0], call[1])
            }
            0x92 => {
                let call = self.top(3)?;
                self.call(call[0], call[1])
            }
            b'i' => {
                let (module, name) = (self.line()?, self.line()?);
                let items = self.items()?;
                let class = self.value(Value::Global(module, name))?;
                let arguments = self.value(Value::Sequence(items))?;
                self.call(class, arguments)
            }
            b'o' => {
                let items = self.items()?;
                let (&class, rest) = items.split_first().ok_or(BROKEN)?;
                let arguments = self.value(Value::Sequence(rest.to_vec()))?;
                self.call(class, arguments)
            }
            b'b' => self.pop().map(drop), // what is put into an object; a tensor or a dictionary needs none
            b'P' => {
                let name = self.line()?;
                let name = self.value(Value::Text(name))?;
                self.push(Value::Persistent(name))
            }
            b'Q' => {
                let name = self.pop()?;
                self.push(Value::Persistent(name))
            }

            // Stack and memory
            b'0' => self.pop().map(drop),
            b'1' => self.items().map(drop),
            b'2' => {
                let top = *self.stack.last().ok_or(BROKEN)?;
                self.stack.push(top);
                Ok(())
            }
            b'p' => {
                let key = self.line_number()?;
                self.remember(key)
            }
            b'q' => {
                let key = self.unsigned(1)?;
                self.remember(key)
            }
            b'r' => {
                let key = self.unsigned(4)?;
                self.remember(key)
            }
            0x94 => self.remember(self.memo.len() as u64),
            b'g' => {
                let key = self.line_number()?;
                self.recall(key)
            }
            b'h' => {
                let key = self.unsigned(1)?;
                self.recall(key)
            }
            b'j' => {
                let key = self.unsigned(4)?;
                self.recall(key)
            }
            other => Err(format!(
                "its pickle holds the instruction {other:#04x}, which no state dict needs"
            )),
        }
    }

    // ---------------------------------------------------------------------------------------------- reading

    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let taken = self
            .bytes
            .get(self.at..)
            .and_then(|rest| rest.get(..length))
            .ok_or(CUT_SHORT)?;
        self.at += length;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, String> {
        Ok(self.take(1)?[0])
    }

    /// Up to the end of the line, without it.
    fn line(&mut self) -> Result<&'a [u8], String> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|&byte| byte == b'\n').ok_or(CUT_SHORT)?;
        self.at += length + 1;
        Ok(&rest[..length])
    }

    fn line_number(&mut self) -> Result<u64, String> {
        let line = std::str::from_utf8(self.line()?).ok();
        line.and_then(|line| line.parse().ok()).ok_or_else(|| BROKEN.into())
    }

    fn unsigned(&mut self, bytes: usize) -> Result<u64, String> {
        let bytes = self.take(bytes)?;
        Ok(bytes
            .iter()
            .rev()
            .fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn length(&mut self, bytes: usize) -> Result<usize, String> {
        usize::try_from(self.unsigned(bytes)?).map_err(|_| CUT_SHORT.into())
    }

    // --------------------------------------------------------------------------------------------- building

    fn count(&mut self, work: usize) -> Result<(), String> {
        self.work += work;
        if self.work <= MOST_WORK {
            Ok(())
        } else {
            Err(format!(
                "its pickle takes more than {MOST_WORK} instructions; no state dict needs so many"
            ))
        }
    }

    fn value(&mut self, value: Value<'a>) -> Result<Id, String> {
        self.values.push(value);
        Ok(self.values.len() - 1)
    }

    fn push(&mut self, value: Value<'a>) -> Result<(), String> {
        let id = self.value(value)?;
        self.stack.push(id);
        Ok(())
    }

    /// A number of so many bytes, the lowest first.
    fn int_of(&mut self, bytes: usize, signed: bool) -> Result<(), String> {
        let number = self.unsigned(bytes)? as i64;
        self.push(Value::Int(if signed { i64::from(number as i32) } else { number }))
    }

    /// A number of any length in two's complement.
    fn long(&mut self, length: usize) -> Result<(), String> {
        let bytes = self.take(length)?;
        let negative = bytes.last().is_some_and(|&top| top >= 0x80);
        let fill = if negative { 0xff } else { 0 };
        let fits = bytes.len() <= 8 || bytes[8..].iter().all(|&byte| byte == fill) && (bytes[7] >= 0x80) == negative;
        let mut whole = [fill; 8];
        let kept = bytes.len().min(8);
        whole[..kept].copy_from_slice(&bytes[..kept]);
        self.push(if fits {
            Value::Int(i64::from_le_bytes(whole))
        } else {
            Value::Other
        })
    }

    fn text(&mut self, bytes_of_length: usize) -> Result<(), String> {
        let length = self.length(bytes_of_length)?;
        let text = self.take(length)?;
        self.push(Value::Text(text))
    }

    fn pop(&mut self) -> Result<Id, String> {
        // What lies below a mark is not to be reached before the mark is gone.
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() > floor {
            self.stack.pop().ok_or_else(|| BROKEN.into())
        } else {
            Err(BROKEN.into())
        }
    }

    /// The uppermost `count` values, the lowest first.
    fn top(&mut self, count: usize) -> Result<Vec<Id>, String> {
        let mut items = (0..count).map(|_| self.pop()).collect::<Result<Vec<_>, _>>()?;
        items.reverse();
        Ok(items)
    }

    /// What lies above the last mark.
    fn items(&mut self) -> Result<Vec<Id>, String> {
        let mark = self.marks.pop().ok_or(BROKEN)?;
        if mark > self.stack.len() {
            return Err(BROKEN.into());
        }
        Ok(self.stack.split_off(mark))
    }

    fn append(&mut self, items: &[Id]) -> Result<(), String> {
        let list = *self.stack.last().ok_or(BROKEN)?;
        if let Value::Sequence(list) = &mut self.values[list] {
            list.extend(items);
        }
        Ok(())
    }

    fn set(&mut self, items: &[Id]) -> Result<(), String> {
        let items = pairs(items)?;
        let dict = *self.stack.last().ok_or(BROKEN)?;
        if let Value::Dict(dict) = &mut self.values[dict] {
            dict.extend(items);
        }
        Ok(())
    }

    fn call(&mut self, function: Id, arguments: Id) -> Result<(), String> {
        let is_dict = matches!(
            self.values[function],
            Value::Global(b"collections", b"OrderedDict") | Value::Global(b"builtins" | b"__builtin__", b"dict")
        );
        if !is_dict {
            return self.push(Value::Call(function, arguments));
        }
        // Without arguments, or with a list of pairs.
        let mut items = vec![];
        if let Value::Sequence(arguments) = &self.values[arguments]
            && let Some(&list) = arguments.first()
            && let Value::Sequence(list) = &self.values[list]
        {
            for &pair in list {
                match &self.values[pair] {
                    Value::Sequence(pair) if pair.len() == 2 => items.push((pair[0], pair[1])),
                    _ => return Err(BROKEN.into()),
                }
            }
        }
        self.count(items.len())?;
        self.push(Value::Dict(items))
    }

    fn remember(&mut self, key: u64) -> Result<(), String> {
        let top = *self.stack.last().ok_or(BROKEN)?;
        self.memo.insert(key, top);
        Ok(())
    }

    fn recall(&mut self, key: u64) -> Result<(), String> {
        let id = *self.memo.get(&key).ok_or(BROKEN)?;
        self.stack.push(id);
        Ok(())
    }
}

const BROKEN: &str = "its pickle is broken";
const CUT_SHORT: &str = "it is cut short: its pickle does not come to an end";

fn pairs(items: &[Id]) -> Result<Vec<(Id, Id)>, String> {
    match items.len() % 2 {
        0 => Ok(items.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()),
        _ => Err(BROKEN.into()),
    }
}
