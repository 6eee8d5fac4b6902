//! A run of layers on one image, or on several together, as a list of steps on one piece of memory, checked when it is made.

use super::Chosen;
use super::convolution::job::{Cut, Job, LANES};

/// Where a step reads or writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Input,
    Output,
    /// Start and length in the memory.
    Memory(usize, usize),
}

/// What a convolution does with its sums before it writes them, in this order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Finish {
    /// `sum · scale + shift`, by index into the run's scales.
    pub affine: Option<usize>,
    /// Adds what lies here in the same layout.
    pub residual: Option<Place>,
    pub relu: bool,
    /// Notes which outputs are positive: from here on one bit per channel, in 16 for each pixel of each block of each image.
    pub keep: Option<usize>,
    /// Sets to 0 what such notes say was not positive.
    pub gate: Option<usize>,
}

#[derive(Debug, Clone)]
pub(crate) struct Convolve {
    pub job: Job,
    /// By index into the run's weights.
    pub weights: usize,
    pub x: Place,
    pub y: Place,
    pub finish: Finish,
}

/// What [`Pieces`] do with notes, `(start, length)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notes {
    None,
    /// Each piece writes its own part, of this length.
    Write(usize, usize),
    /// All pieces of an image read all of its notes, of this length.
    Read(usize, usize),
}

/// The arguments of one piece.
pub(crate) struct Piece<'a> {
    /// Of its image's pieces.
    pub index: usize,
    /// From its image on.
    pub x: &'a [f32],
    pub y: &'a mut [f32],
    pub weights: &'a [f32],
    pub written: &'a mut [u16],
    pub read: &'a [u16],
    pub instructions: Chosen,
}

pub(crate) type Function = Box<dyn Fn(Piece) + Send + Sync>;

/// Any other operation: it writes `y` in pieces of equal length.
pub(crate) struct Pieces {
    pub x: Place,
    /// Elements of `x` from image to image.
    pub x_of_image: usize,
    pub y: Place,
    pub piece: usize,
    pub notes: Notes,
    /// By index into the run's weights.
    pub weights: Option<usize>,
    pub function: Function,
}

pub(crate) enum Step {
    Convolve(Convolve),
    Pieces(Pieces),
}

/// Elements of what a program works on, all images together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    pub input: usize,
    pub output: usize,
    pub memory: usize,
    pub notes: usize,
}

/// Steps, and the sizes of what they need.
pub(crate) struct Program {
    steps: Vec<Step>,
    images: usize,
    sizes: Sizes,
    multiplications: usize,
}

/// What a run works on.
pub(crate) struct Arguments<'a> {
    pub input: &'a [f32],
    pub output: &'a mut [f32],
    /// Zeros wherever no step writes: the borders.
    pub memory: &'a mut [f32],
    pub notes: RunNotes<'a>,
    pub weights: &'a [&'a [f32]],
    /// Scale and shift, whole blocks of them.
    pub affine: &'a [(&'a [f32], &'a [f32])],
}

/// Notes are written by the forward pass and read by the backward pass.
pub(crate) enum RunNotes<'a> {
    None,
    Write(&'a mut [u16]),
    Read(&'a [u16]),
}

impl Program {
    /// # Panics
    /// if a step reaches beyond the sizes, reads what it writes, or writes the input: a mistake in this crate.
    pub fn new(steps: Vec<Step>, images: usize, sizes: Sizes) -> Self {
        assert!(images > 0);
        let multiplications = |step: &Step| match step {
            Step::Convolve(step) => step.job.work(),
            Step::Pieces(_) => 0,
        };
        let program = Self {
            multiplications: steps.iter().map(multiplications).sum(),
            steps,
            images,
            sizes,
        };
        program.steps.iter().for_each(|step| program.check(step));
        program
    }

    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    pub fn images(&self) -> usize {
        self.images
    }

    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    pub fn multiplications(&self) -> usize {
        self.multiplications
    }

    fn length(&self, place: Place) -> usize {
        match place {
            Place::Input => self.sizes.input,
            Place::Output => self.sizes.output,
            Place::Memory(start, length) => {
                assert!(start + length <= self.sizes.memory);
                length
            }
        }
    }

    fn check(&self, step: &Step) {
        let apart = |read: Place, written: Place| match (read, written) {
            (Place::Memory(a, a_length), Place::Memory(b, b_length)) => a + a_length <= b || b + b_length <= a,
            (_, Place::Input) | (Place::Output, _) => false,
            _ => true,
        };
        match step {
            Step::Convolve(Convolve { job, x, y, finish, .. }) => {
                job.check(self.length(*x), self.length(*y));
                assert!(apart(*x, *y));
                if let Some(residual) = finish.residual {
                    assert!(apart(residual, *y) && job.target.end(job.images) <= self.length(residual));
                }
                let notes = job.images * job.target.blocks() * job.target.height * job.target.width;
                for start in finish.keep.iter().chain(&finish.gate) {
                    assert!(start + notes <= self.sizes.notes);
                }
                assert!(finish.keep.is_none() || finish.affine.is_some());
                assert!(finish.gate.is_none() || finish.affine.is_none());
            }
            Step::Pieces(Pieces {
                x,
                x_of_image,
                y,
                piece,
                notes,
                ..
            }) => {
                assert!(apart(*x, *y) && *piece > 0 && self.length(*y).is_multiple_of(piece * self.images));
                assert!((self.images - 1) * x_of_image <= self.length(*x));
                match *notes {
                    Notes::None => {}
                    Notes::Write(start, length) => {
                        assert!(start + self.length(*y) / piece * length <= self.sizes.notes)
                    }
                    Notes::Read(start, length) => assert!(start + self.images * length <= self.sizes.notes),
                }
            }
        }
    }

    /// Compares the sizes of a run with those the steps were checked against.
    pub fn check_arguments(&self, arguments: &Arguments) {
        assert!(arguments.input.len() == self.sizes.input && arguments.output.len() == self.sizes.output);
        assert!(arguments.memory.len() >= self.sizes.memory);
        let (written, read) = match &arguments.notes {
            RunNotes::None => (0, 0),
            RunNotes::Write(notes) => (notes.len(), notes.len()),
            RunNotes::Read(notes) => (0, notes.len()),
        };
        for step in &self.steps {
            match step {
                Step::Convolve(Convolve {
                    job, weights, finish, ..
                }) => {
                    assert!(job.weights() <= arguments.weights[*weights].len());
                    if let Some(affine) = finish.affine {
                        let (scale, shift) = arguments.affine[affine];
                        let channels = job.target.blocks() * LANES;
                        assert!(scale.len() >= channels && shift.len() >= channels);
                    }
                    assert!(finish.keep.is_none() || written >= self.sizes.notes);
                    assert!(finish.gate.is_none() || read >= self.sizes.notes);
                }
                Step::Pieces(Pieces { notes, weights, .. }) => {
                    assert!(weights.is_none_or(|weights| weights < arguments.weights.len()));
                    match notes {
                        Notes::None => {}
                        Notes::Write(..) => assert!(written >= self.sizes.notes),
                        Notes::Read(..) => assert!(read >= self.sizes.notes),
                    }
                }
            }
        }
    }

    /// How each step is cut.
    pub fn cuts(&self, instructions: Chosen, threads: usize) -> Vec<Cut> {
        let cut = |step: &Step| match step {
            Step::Convolve(step) => step.job.cut(instructions, threads),
            Step::Pieces(step) => Cut::pieces(self.length(step.y) / step.piece),
        };
        self.steps.iter().map(cut).collect()
    }
}
