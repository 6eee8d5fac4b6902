//! From the gradient of a run's output to that of its input, as a program. Needed of the forward pass: which outputs of
//! each ReLU were positive, and which pixel of each window was the maximum.

use super::forward::{BORDER, Done, Forward, Pooled, Record, Slots};
use super::pieces;
use crate::ops::convolution::direct::{gradient_border, input_gradient_job};
use crate::ops::convolution::job::{Spread, Target};
use crate::ops::convolution::packing::Padded;
use crate::ops::program::{Convolve, Finish, Notes, Pieces, Place, Program, Sizes, Step};

struct Builder {
    steps: Vec<Step>,
    slots: Slots,
}

impl Builder {
    /// The gradient of a convolution's input from that of its output.
    fn convolve(&mut self, done: &Done, x: Place, residual: Option<Place>, gate: Option<usize>) -> (Place, Padded) {
        let g = &done.geometry;
        assert!(gradient_border(g) <= BORDER, "the gradients have a border of {BORDER}");
        let input = Padded::blocks_of(g.out_channels, g.out_height, g.out_width, BORDER);
        let output = Padded::blocks_of(g.in_channels, g.height, g.width, BORDER);
        let y = self.slots.take(&output);
        self.steps.push(Step::Convolve(Convolve {
            job: input_gradient_job(g, &input, Target::blocks_like(&output)),
            weights: done.layer,
            x,
            y,
            finish: Finish {
                residual,
                gate,
                ..Finish::default()
            },
        }));
        (y, output)
    }

    fn block(
        &mut self,
        branch: &[Done],
        skip: Option<&Done>,
        gradient: (Place, Padded),
        gate: Option<usize>,
    ) -> (Place, Padded) {
        let mut at = gradient;
        for pair in (1..branch.len()).rev() {
            let next = self.convolve(&branch[pair], at.0, None, Some(branch[pair - 1].positive));
            if at.0 != gradient.0 {
                self.slots.give(&at.1, at.0);
            }
            at = next;
        }
        let around = skip.map(|skip| self.convolve(skip, gradient.0, None, None));
        let residual = around.map_or(gradient.0, |(place, _)| place);
        let result = self.convolve(&branch[0], at.0, Some(residual), gate);
        if at.0 != gradient.0 {
            self.slots.give(&at.1, at.0);
        }
        if let Some((place, layout)) = around {
            self.slots.give(&layout, place);
        }
        self.slots.give(&gradient.1, gradient.0);
        result
    }

    fn unpool(&mut self, pooled: &Pooled, gradient: (Place, Padded)) -> (Place, Padded) {
        let input = *pooled.pool.input();
        let y = self.slots.take(&input);
        self.steps.push(Step::Pieces(Pieces {
            x: gradient.0,
            x_of_image: gradient.1.len(),
            y,
            piece: input.row(),
            notes: Notes::Read(pooled.chosen, pooled.notes()),
            weights: None,
            function: pieces::unpool(pooled.pool),
        }));
        self.slots.give(&gradient.1, gradient.0);
        (y, input)
    }

    /// The gradient of the image from that of the first convolution's output.
    fn image(&mut self, done: &Done, gradient: (Place, Padded)) {
        let g = done.geometry;
        let planes = Padded {
            lanes: 1,
            ..Padded::blocks_of(g.out_channels, g.out_height, g.out_width, gradient_border(&g))
        };
        let spread = Spread::new(&g, &planes);
        // The last registers of a row reach beyond it.
        let piece = planes.plane();
        let images = g.batch;
        let Place::Memory(start, length) = self.slots.raw(images * planes.len() + Spread::BEYOND) else {
            unreachable!("raw memory");
        };
        let whole = Place::Memory(start, length);
        self.steps.push(Step::Pieces(Pieces {
            x: gradient.0,
            x_of_image: gradient.1.len(),
            y: Place::Memory(start, images * planes.len()),
            piece,
            notes: Notes::None,
            weights: None,
            function: pieces::to_planes(gradient.1, planes),
        }));
        let row = g.in_channels * g.width;
        let rows = self.slots.raw(images * g.height * row);
        self.steps.push(Step::Pieces(Pieces {
            x: whole,
            x_of_image: planes.len(),
            y: rows,
            piece: row,
            notes: Notes::None,
            weights: Some(done.layer),
            function: Box::new(move |piece| {
                spread.row(piece.index, piece.x, piece.weights, piece.y, piece.instructions)
            }),
        }));
        self.steps.push(Step::Pieces(Pieces {
            x: rows,
            x_of_image: g.height * row,
            y: Place::Output,
            piece: g.width,
            notes: Notes::None,
            weights: None,
            function: Box::new(move |piece| {
                let (channel, y) = (piece.index / g.height, piece.index % g.height);
                piece
                    .y
                    .copy_from_slice(&piece.x[y * row + channel * g.width..][..g.width]);
            }),
        }));
    }
}

/// Where a unit's output was positive, if that is to be looked up; a pool's notes have it in them.
fn output_notes(record: &Record) -> Option<usize> {
    match record {
        Record::Stem { pool: Some(_), .. } => None,
        Record::Stem { layers: done, .. } | Record::Block { branch: done, .. } => done.last().map(|done| done.positive),
    }
}

pub(super) fn backward(forward: &Forward) -> Program {
    let mut builder = Builder {
        steps: Vec::new(),
        slots: Slots::new(forward.program.images()),
    };
    let output = forward.output;
    let y = builder.slots.take(&output);
    let gate = forward.records.last().and_then(output_notes);
    let notes_length = output.planes() * output.height * output.width;
    builder.steps.push(Step::Pieces(Pieces {
        x: Place::Input,
        x_of_image: output.channels * output.height * output.width,
        y,
        piece: output.plane(),
        notes: gate.map_or(Notes::None, |start| Notes::Read(start, notes_length)),
        weights: None,
        function: match gate {
            Some(_) => pieces::pack_gated(output),
            None => pieces::pack(output),
        },
    }));
    let mut at = (y, output);
    let mut ends_at_image = false;
    for (index, record) in forward.records.iter().enumerate().rev() {
        let gate = index
            .checked_sub(1)
            .and_then(|before| output_notes(&forward.records[before]));
        match record {
            Record::Block { branch, skip } => at = builder.block(branch, skip.as_ref(), at, gate),
            Record::Stem { layers, pool } => {
                if let Some(pooled) = pool {
                    at = builder.unpool(pooled, at);
                }
                for pair in (1..layers.len()).rev() {
                    let next = builder.convolve(&layers[pair], at.0, None, Some(layers[pair - 1].positive));
                    builder.slots.give(&at.1, at.0);
                    at = next;
                }
                builder.image(&layers[0], at);
                ends_at_image = true;
            }
        }
    }
    if !ends_at_image {
        builder.steps.push(Step::Pieces(Pieces {
            x: at.0,
            x_of_image: at.1.len(),
            y: Place::Output,
            piece: at.1.height * at.1.width,
            notes: Notes::None,
            weights: None,
            function: pieces::unpack(at.1),
        }));
    }
    let images = forward.program.images();
    let forward = forward.program.sizes();
    let sizes = Sizes {
        input: forward.output,
        output: forward.input,
        memory: builder.slots.used,
        notes: forward.notes,
    };
    Program::new(builder.steps, images, sizes)
}
