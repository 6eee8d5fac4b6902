//! What the inputs of an exam must hold so that an answer that is right on friendly inputs only does not pass.

/// A way for a wrong answer to look right. Each exam shows its attempt inputs that hold it, or says why there are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hazard {
    /// A tensor whose numbers do not lie in the order of its shape: transposed, narrowed, expanded.
    NotContiguous,
    /// A batch in which every image (row, sample) decides, the last one and one in the middle too.
    Batch,
    /// Tall, wide and odd; sides that no kernel, stride or factor divides; kernels that are even, strides above 2.
    Sizes,
    /// Options combined, not one at a time.
    Combined,
    /// Values of very small and of very large scale.
    Scale,
    /// All values negative, all positive, zeros among them.
    Sign,
    /// Equal values where one of them has to be chosen; −0.0 beside +0.0.
    Ties,
    /// Names of which one begins or ends like another, and one that is asked for twice.
    Names,
    /// NaN and infinity at any place, not only first.
    NotFinite,
    /// What is returned beside the numbers: dtype, order, connected to the graph, a copy of its own, the last or the best.
    Returned,
    /// Which of its arguments an answer that is put together hands on to which part.
    Wiring,
    /// Nothing in it: no image, no step, an empty list.
    Empty,
    /// Every listed error in every direction (too long and too short) and in every function that lists it.
    Errors,
}

impl Hazard {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::NotContiguous,
        Self::Batch,
        Self::Sizes,
        Self::Combined,
        Self::Scale,
        Self::Sign,
        Self::Ties,
        Self::Names,
        Self::NotFinite,
        Self::Returned,
        Self::Wiring,
        Self::Empty,
        Self::Errors,
    ];

    /// Its name in the bill of health.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotContiguous => "not contiguous",
            Self::Batch => "batch",
            Self::Sizes => "sizes",
            Self::Combined => "combined",
            Self::Scale => "scale",
            Self::Sign => "sign",
            Self::Ties => "ties",
            Self::Names => "names",
            Self::NotFinite => "not finite",
            Self::Returned => "returned",
            Self::Wiring => "wiring",
            Self::Empty => "empty",
            Self::Errors => "errors",
        }
    }

    /// What the inputs of a verdict have in common, for a learner: "a tensor that is not contiguous".
    pub fn words(self) -> &'static str {
        match self {
            Self::NotContiguous => "a tensor that is not contiguous (transposed, narrowed or expanded)",
            Self::Batch => "several images, all of which count",
            Self::Sizes => "sizes that are odd, or differ in height and width, or that nothing divides",
            Self::Combined => "several options at once",
            Self::Scale => "very small or very large values",
            Self::Sign => "values of one sign only, or zeros",
            Self::Ties => "equal values",
            Self::Names => "names that begin or end alike, or one name twice",
            Self::NotFinite => "NaN or infinity",
            Self::Returned => "more than the numbers: type, order, graph or memory of what is returned",
            Self::Wiring => "arguments that would be mixed up without notice elsewhere",
            Self::Empty => "nothing in it",
            Self::Errors => "what must be refused",
        }
    }
}

/// One hazard where several could stand: `.holds(Batch)` beside `.holds([Batch, Sizes])`.
impl IntoIterator for Hazard {
    type Item = Self;
    type IntoIter = std::iter::Once<Self>;

    fn into_iter(self) -> Self::IntoIter {
        std::iter::once(self)
    }
}
