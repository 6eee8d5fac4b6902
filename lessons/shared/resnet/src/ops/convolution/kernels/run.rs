//! A program's steps on its memory.

use std::marker::PhantomData;
use std::ptr::{null, null_mut};

use super::Shared;
use super::sums::Operands;
use crate::ops::Chosen;
use crate::ops::convolution::job::Cut;
use crate::ops::program::{Arguments, Notes, Piece, Place, Program, RunNotes, Step};
use crate::ops::steps::in_steps;

impl Program {
    /// Runs the steps in order.
    ///
    /// # Panics
    /// if the arguments are not of the sizes that the program was made for.
    pub fn run(&self, arguments: Arguments, instructions: Chosen, threads: usize) {
        self.check_arguments(&arguments);
        let cuts = self.cuts(instructions, threads);
        let tasks: Vec<usize> = cuts.iter().map(Cut::tasks).collect();
        let Arguments {
            input,
            output,
            memory,
            notes,
            weights,
            affine,
        } = arguments;
        let (output, memory) = (
            Shared(output.as_mut_ptr(), PhantomData),
            Shared(memory.as_mut_ptr(), PhantomData),
        );
        // Read-only notes are written by no step, as `check_arguments` has seen.
        let notes = Shared(
            match notes {
                RunNotes::None => null_mut(),
                RunNotes::Write(notes) => notes.as_mut_ptr(),
                RunNotes::Read(notes) => notes.as_ptr().cast_mut(),
            },
            PhantomData::<&mut [u16]>,
        );
        let read = |place: Place| match place {
            Place::Input => (input.as_ptr(), input.len()),
            Place::Output => unreachable!("the output is not read"),
            Place::Memory(start, length) => (memory.start().wrapping_add(start).cast_const(), length),
        };
        let written = |place: Place| match place {
            Place::Input => unreachable!("the input is not written"),
            Place::Output => output.start(),
            Place::Memory(start, _) => memory.start().wrapping_add(start),
        };
        in_steps(threads, &tasks, |step, task| match &self.steps()[step] {
            Step::Convolve(step_of) => {
                let finish = &step_of.finish;
                let (scale, shift) = match finish.affine {
                    None => (null(), null()),
                    Some(index) => (affine[index].0.as_ptr(), affine[index].1.as_ptr()),
                };
                let operands = Operands {
                    x: read(step_of.x).0,
                    weights: weights[step_of.weights].as_ptr(),
                    y: written(step_of.y),
                    scale,
                    shift,
                    residual: finish.residual.map_or(null(), |place| read(place).0),
                    relu: finish.relu,
                    keep: finish
                        .keep
                        .map_or(null_mut(), |start| notes.start().wrapping_add(start)),
                    gate: finish
                        .gate
                        .map_or(null(), |start| notes.start().wrapping_add(start).cast_const()),
                };
                let task = step_of.job.task(&cuts[step], task);
                // SAFETY: `Program::new` and `check_arguments` have compared all addresses with the memory; steps run one
                // after the other, a step does not read what it writes, and its tasks write different elements.
                unsafe { step_of.job.outputs(task, operands, instructions) }
            }
            Step::Pieces(step_of) => {
                let (x, length) = read(step_of.x);
                let of_image = tasks[step] / self.images();
                let (image, index) = (task / of_image, task % of_image);
                let before = image * step_of.x_of_image;
                let (mut written_notes, mut read_notes) = ((null_mut(), 0), (null(), 0));
                match step_of.notes {
                    Notes::None => {}
                    Notes::Write(start, length) => {
                        written_notes = (notes.start().wrapping_add(start + task * length), length);
                    }
                    Notes::Read(start, length) => {
                        read_notes = (notes.start().wrapping_add(start + image * length).cast_const(), length);
                    }
                }
                // SAFETY: as above; each piece, of the output and of written notes, belongs to one task.
                let piece = unsafe {
                    Piece {
                        index,
                        x: std::slice::from_raw_parts(x.wrapping_add(before), length - before),
                        y: std::slice::from_raw_parts_mut(
                            written(step_of.y).wrapping_add(task * step_of.piece),
                            step_of.piece,
                        ),
                        weights: step_of.weights.map_or(&[], |index| weights[index]),
                        written: match written_notes {
                            (_, 0) => &mut [],
                            (start, length) => std::slice::from_raw_parts_mut(start, length),
                        },
                        read: match read_notes {
                            (_, 0) => &[],
                            (start, length) => std::slice::from_raw_parts(start, length),
                        },
                        instructions,
                    }
                };
                (step_of.function)(piece);
            }
        });
    }
}
