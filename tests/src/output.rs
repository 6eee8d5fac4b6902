//! What an attempt prints, as it comes: a head and a tail of it are kept, replies are taken out.

use memchr::memmem;
use std::{
    collections::VecDeque,
    io::{self, Write},
};

/// A few KB at each end; the rest is dropped as it comes.
#[derive(Clone, Default)]
pub struct Clip {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    dropped: u64,
}

impl Clip {
    /// Bytes kept at each end.
    pub const KEPT: usize = 4096;

    /// Adds what came next.
    pub fn push(&mut self, bytes: &[u8]) {
        let (head, rest) = bytes.split_at(bytes.len().min(Self::KEPT - self.head.len()));
        self.head.extend_from_slice(head);
        let skipped = rest.len().saturating_sub(Self::KEPT);
        let over = (self.tail.len() + rest.len() - skipped).saturating_sub(Self::KEPT);
        self.tail.drain(..over);
        self.tail.extend(&rest[skipped..]);
        self.dropped += (skipped + over) as u64;
    }

    /// What is kept, with a line in the middle that says what is not.
    pub fn text(&self) -> String {
        let (head, tail) = (String::from_utf8_lossy(&self.head), self.tail());
        match self.dropped {
            0 => head.into_owned() + &tail,
            dropped => format!("{head}\n… {dropped} bytes more …\n{tail}"),
        }
    }

    /// The last bytes.
    pub fn tail(&self) -> String {
        let bytes: Vec<u8> = self.tail.iter().copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Takes the replies out of a stream. Each begins with a token that the other side knows, and ends with the line.
pub struct Stream {
    token: Vec<u8>,
    limit: usize,
    pending: Vec<u8>,
    reply: Option<Vec<u8>>,
}

/// What came out of a stream.
#[derive(Debug, PartialEq)]
pub enum Piece {
    /// Printed by the attempt.
    Printed(Vec<u8>),
    /// A reply, without its token.
    Reply(Vec<u8>),
    /// A reply that is longer than the limit.
    TooLong,
}

impl Stream {
    /// A stream whose first reply begins with `token`; replies have at most `limit` bytes.
    pub fn new(token: String, limit: usize) -> Self {
        Self {
            token: token.into_bytes(),
            limit,
            pending: vec![],
            reply: None,
        }
    }

    /// Takes in what came next; `token` gives the token of the reply after each one that is found.
    pub fn push(&mut self, bytes: &[u8], mut token: impl FnMut() -> String) -> Vec<Piece> {
        let mut pieces = vec![];
        self.pending.extend_from_slice(bytes);
        loop {
            if let Some(reply) = &mut self.reply {
                let end = memchr::memchr(b'\n', &self.pending);
                let taken = end.unwrap_or(self.pending.len());
                if reply.len() + taken > self.limit {
                    pieces.push(Piece::TooLong);
                    (self.pending, self.reply) = (vec![], None);
                    return pieces;
                }
                reply.extend(self.pending.drain(..taken));
                if end.is_none() {
                    return pieces;
                }
                self.pending.drain(..1);
                pieces.extend(self.reply.take().map(Piece::Reply));
                self.token = token().into_bytes();
            }
            if let Some(at) = memmem::find(&self.pending, &self.token) {
                let printed: Vec<u8> = self.pending.drain(..at).collect();
                pieces.extend((!printed.is_empty()).then_some(Piece::Printed(printed)));
                self.pending.drain(..self.token.len());
                self.reply = Some(vec![]);
                continue;
            }
            // The token may have come in part.
            let open = (1..self.token.len())
                .rev()
                .find(|&n| self.pending.ends_with(&self.token[..n]));
            let printed: Vec<u8> = self.pending.drain(..self.pending.len() - open.unwrap_or(0)).collect();
            pieces.extend((!printed.is_empty()).then_some(Piece::Printed(printed)));
            return pieces;
        }
    }

    /// What came after the last reply, at the end of the stream.
    pub fn rest(self) -> Vec<u8> {
        self.pending
    }
}

/// Passes a stream on in whole lines: an attempt's two streams come at the same time.
#[derive(Default)]
pub struct Lines(Vec<u8>);

impl Lines {
    /// A line longer than this is passed on in parts.
    const LONG: usize = 8192;

    /// Adds what came next.
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        let end = self.0.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let end = if self.0.len() > Self::LONG { self.0.len() } else { end };
        let _ = io::stderr().write_all(&self.0[..end]);
        self.0.drain(..end);
    }
}

impl Drop for Lines {
    /// The last line may have no end.
    fn drop(&mut self) {
        let _ = io::stderr().write_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_little_is_kept_whole_and_of_much_both_ends() {
        let mut little = Clip::default();
        little.push(b"one\n");
        little.push(b"two\n");
        assert_eq!(little.text(), "one\ntwo\n");

        let mut much = Clip::default();
        (0..100_000).for_each(|i| much.push(format!("line {i}\n").as_bytes()));
        much.push(&vec![b'x'; 3 * Clip::KEPT]);
        much.push(b"\nthe end\n");
        let text = much.text();
        assert!(
            text.starts_with("line 0\nline 1\n") && text.ends_with("x\nthe end\n"),
            "{text}"
        );
        assert!(text.len() < 2 * Clip::KEPT + 100, "{}", text.len());
        let all = (0..100_000).map(|i| format!("line {i}\n").len()).sum::<usize>() + 3 * Clip::KEPT + 9;
        assert!(
            text.contains(&format!("… {} bytes more …", all - 2 * Clip::KEPT)),
            "{text}"
        );
    }

    /// Whatever the pieces in which a stream arrives, the same comes out.
    #[test]
    fn replies_are_found_wherever_the_stream_is_cut() {
        let text = b"print\xff<T1> not yet<T0>first\nmore<T0>no<T<T1>second\nend<T2";
        for size in 1..text.len() {
            let (mut next, mut printed, mut replies) = (0, vec![], vec![]);
            let mut stream = Stream::new("<T0>".into(), 100);
            for part in text.chunks(size) {
                let pieces = stream.push(part, || {
                    next += 1;
                    format!("<T{next}>")
                });
                for piece in pieces {
                    match piece {
                        Piece::Printed(bytes) => printed.extend(bytes),
                        Piece::Reply(reply) => replies.push(String::from_utf8(reply).unwrap()),
                        Piece::TooLong => panic!("none is long"),
                    }
                }
            }
            printed.extend(stream.rest());
            assert_eq!(replies, ["first", "second"], "cut into {size}");
            assert_eq!(printed, b"print\xff<T1> not yetmore<T0>no<Tend<T2", "cut into {size}");
        }
    }

    #[test]
    fn a_reply_without_end_is_dropped() {
        let mut stream = Stream::new("<T>".into(), 10);
        assert_eq!(stream.push(b"<T>12345678", String::new), []);
        assert_eq!(stream.push(b"90123", String::new), [Piece::TooLong]);
    }
}
