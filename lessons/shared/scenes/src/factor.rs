//! What all categorical factors have in common: a list of their values, an index and a name.

/// Declares a categorical factor: an enum with `ALL`, `COUNT`, `index`, `from_index`, `name` and `Display`.
macro_rules! factor {
    ($(#[$about:meta])* $factor:ident { $($(#[$value_about:meta])* $value:ident = $name:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $factor {
            $($(#[$value_about])* $value,)*
        }

        impl $factor {
            /// How many values there are.
            pub const COUNT: usize = [$($name),*].len();

            /// Every value, in the order of [`index`](Self::index).
            pub const ALL: [Self; Self::COUNT] = [$(Self::$value),*];

            /// The position in [`ALL`](Self::ALL): the label of this value.
            pub const fn index(self) -> usize {
                self as usize
            }

            /// The value with this index, or `None` from [`COUNT`](Self::COUNT) on.
            pub fn from_index(index: usize) -> Option<Self> {
                Self::ALL.get(index).copied()
            }

            /// The name in lower case, as tables and titles print it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $name,)*
                }
            }
        }

        impl std::fmt::Display for $factor {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.pad(self.name())
            }
        }
    };
}

pub(crate) use factor;
