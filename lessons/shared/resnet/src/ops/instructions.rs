use std::cell::Cell;
use std::sync::OnceLock;

/// The vector instructions that the convolutions use.
///
/// The best that the processor has, unless the environment variable `RESNET_INSTRUCTIONS` (`avx512`, `avx2` or
/// `portable`) or [`Instructions::with`] says otherwise. Values that differ by rounding are all that changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Instructions {
    /// Sixteen values at a time.
    Avx512,
    /// Eight values at a time, with fused multiply-add.
    Avx2,
    /// What the compiler makes of plain loops, on any processor.
    Portable,
}

/// Instructions that this processor has: whoever holds one may run them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chosen(Instructions);

impl Chosen {
    pub fn get(self) -> Instructions {
        self.0
    }
}

thread_local! {
    static FORCED: Cell<Option<Instructions>> = const { Cell::new(None) };
}

impl Instructions {
    const ALL: [Self; 3] = [Self::Avx512, Self::Avx2, Self::Portable];

    /// Those that this processor can run, best first.
    pub fn available() -> Vec<Self> {
        Self::ALL.into_iter().filter(|set| set.runs_here()).collect()
    }

    /// Runs `f` with these instructions in the operations that this thread calls.
    ///
    /// # Panics
    /// if the processor does not have them.
    pub fn with<T>(self, f: impl FnOnce() -> T) -> T {
        assert!(self.runs_here(), "this processor does not have {self:?}");
        /// Puts the former choice back, after a panic too.
        struct Restore(Option<Instructions>);
        impl Drop for Restore {
            fn drop(&mut self) {
                FORCED.set(self.0);
            }
        }
        let _restore = Restore(FORCED.replace(Some(self)));
        f()
    }

    /// Those to use on this thread now.
    pub(crate) fn chosen() -> Chosen {
        static BEST: OnceLock<Instructions> = OnceLock::new();
        // `with` has looked at the processor, and so has `best`; nothing else makes a `Chosen`.
        Chosen(FORCED.get().unwrap_or_else(|| *BEST.get_or_init(Self::best)))
    }

    fn best() -> Self {
        let wanted = std::env::var("RESNET_INSTRUCTIONS").unwrap_or_default();
        let named = |set: &Self| format!("{set:?}").eq_ignore_ascii_case(&wanted);
        let available = Self::available();
        let wanted = available.iter().copied().find(named);
        wanted.unwrap_or(available[0])
    }

    #[cfg(target_arch = "x86_64")]
    fn runs_here(self) -> bool {
        match self {
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
            }
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            Self::Portable => true,
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn runs_here(self) -> bool {
        self == Self::Portable
    }
}
