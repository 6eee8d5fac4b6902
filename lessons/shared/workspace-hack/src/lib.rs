//! Nothing but a manifest: it fixes the features of candle's dependencies, so that candle is built once whichever
//! package is asked for. The crates that use candle depend on it.
