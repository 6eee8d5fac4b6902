//! What the process with the attempt and the one that judges it say to each other.
//!
//! Requests go through the attempt's stdin, a line each. Replies come through its stdout, between whatever the attempt
//! prints, as `RS token JSON LF`. The tokens are made from a secret that the judge sends before any code of the attempt
//! runs, and each is good for one reply. So an attempt can print, write to its own stdout and read its stdin as it likes:
//! what does not begin with the next token is printed text.

use crate::exam::Outcome;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What the attempt's process is asked to do: one experiment.
#[derive(Serialize, Deserialize)]
pub struct Request {
    /// Its place in the exam.
    pub experiment: usize,
    /// Its label, so that both sides mean the same.
    pub label: String,
}

/// What the attempt's process says.
#[derive(Serialize, Deserialize)]
pub enum Reply {
    /// The exam stands; it has so many experiments.
    Ready(usize),
    /// The exam could not be built.
    Broken(String),
    /// What the experiment gave.
    Gave(Outcome),
    /// There is no such experiment.
    Unknown,
}

/// In front of a token: no text begins with it.
const RECORD: char = '\u{1e}';

/// The tokens of one run, one after the other.
pub struct Tokens {
    secret: String,
    next: u64,
}

impl Tokens {
    /// Those that belong to a secret.
    pub fn new(secret: &str) -> Self {
        Self {
            secret: secret.trim().to_string(),
            next: 0,
        }
    }

    /// A secret that nobody can guess.
    pub fn secret() -> String {
        hexadecimal(&rand::random::<[u8; 32]>())
    }

    /// What announces the next reply.
    pub fn next(&mut self) -> String {
        let text = format!("{} {}", self.secret, self.next);
        self.next += 1;
        format!("{RECORD}{} ", hexadecimal(&Sha256::digest(text)[..16]))
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Numbers as text without loss, NaN and infinities included: the bits of each in sixteen hexadecimal digits.
pub(crate) mod bits {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    const DIGITS: &[u8; 16] = b"0123456789abcdef";

    pub fn serialize<S: Serializer>(values: &[f64], to: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(16 * values.len());
        for value in values {
            let bits = value.to_bits();
            text.extend((0..16).map(|i| char::from(DIGITS[(bits >> (60 - 4 * i) & 15) as usize])));
        }
        to.serialize_str(&text)
    }

    pub fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Vec<f64>, D::Error> {
        let text = String::deserialize(from)?;
        let number = |digits: &[u8]| {
            let digits = std::str::from_utf8(digits).map_err(D::Error::custom)?;
            let bits = u64::from_str_radix(digits, 16).map_err(D::Error::custom)?;
            Ok(f64::from_bits(bits))
        };
        text.as_bytes().chunks(16).map(number).collect()
    }

    /// The same for a single number.
    pub mod one {
        use super::*;

        pub fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
            super::serialize(&[*value], to)
        }

        pub fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<f64, D::Error> {
            super::deserialize(from)?
                .first()
                .copied()
                .ok_or_else(|| D::Error::custom("no number"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{observed::Observed, panics::Panic};
    use candle_core::{DType, Device, Tensor};

    #[track_caller]
    fn arrives(outcome: Outcome) {
        let text = serde_json::to_string(&Reply::Gave(outcome.clone())).unwrap();
        assert!(!text.contains('\n'), "a reply is one line");
        let Reply::Gave(arrived) = serde_json::from_str(&text).unwrap() else {
            panic!("{text}");
        };
        // Not ==, which NaN never is.
        assert_eq!(format!("{arrived:?}"), format!("{outcome:?}"));
    }

    #[test]
    fn whatever_an_experiment_gives_arrives_bit_by_bit() {
        let values = [0.1, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 5e-324, f64::MAX];
        for value in values {
            arrives(Ok(value.into()));
        }
        arrives(Ok(values.to_vec().into()));
        let tensor = Tensor::arange(0f32, 6., &Device::Cpu)
            .unwrap()
            .reshape((1, 2, 3))
            .unwrap();
        for dtype in [DType::F32, DType::F64, DType::U8, DType::U32, DType::I64, DType::BF16] {
            arrives(Ok(tensor.to_dtype(dtype).unwrap().into()));
        }
        arrives(Ok(vec![3usize, 64, 64].into()));
        arrives(Ok(Observed::fields([("a text\n\u{1e}", "two\nlines"), ("more", "ü")])));
        arrives(Ok((true, 7usize, Err::<f64, _>("no")).into()));
        arrives(Err(Panic {
            message: "oh".into(),
            at: "src/lib.rs:3".into(),
        }));
    }

    #[test]
    fn each_token_is_good_once_and_both_sides_know_it() {
        let secret = Tokens::secret();
        let (mut one, mut other) = (Tokens::new(&secret), Tokens::new(&format!("{secret}\n")));
        let first = one.next();
        assert_eq!(first, other.next());
        assert_ne!(first, one.next());
        assert_ne!(first, Tokens::new(&Tokens::secret()).next());
    }
}
