//! From tensors to values to colours: shapes checked once, NaN counted, constant maps safe.

use candle_core::{DType, Result, Tensor, bail};
use image::RgbImage;

use crate::colormap::{Colormap, Rgb};

/// Which values get the first and the last colour of the map. Only finite values are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Scale {
    /// From the smallest to the largest value shown.
    #[default]
    MinMax,
    /// From −m to m, where m is the largest absolute value shown: zero is in the middle.
    Symmetric,
    /// These two values, the same for every figure that uses them.
    Range {
        /// Gets the first colour.
        min: f32,
        /// Gets the last colour.
        max: f32,
    },
}

impl Scale {
    /// The range of all `maps` together (any shapes), to give several panels one scale.
    ///
    /// **Errors** if there are no maps or no finite value.
    pub fn over<'a>(maps: impl IntoIterator<Item = &'a Tensor>) -> Result<Self> {
        let mut all = Vec::new();
        for map in maps {
            all.extend(values(map)?);
        }
        let Some((min, max)) = finite_range(&all) else {
            bail!(
                "expected at least one finite value for a common scale, got {} values, none finite",
                all.len()
            )
        };
        Ok(Self::Range { min, max })
    }

    /// The colormap that suits the scale where none is named.
    pub(crate) fn default_colormap(self) -> Colormap {
        if self == Self::Symmetric {
            Colormap::Diverging
        } else {
            Colormap::Viridis
        }
    }

    /// The two values that get the ends of the map; they always differ.
    pub(crate) fn limits(self, values: &[f32]) -> Limits {
        let (min, max) = finite_range(values).unwrap_or((0.0, 0.0));
        let (min, max) = match self {
            Self::MinMax => (min, max),
            Self::Symmetric => (-min.abs().max(max.abs()), min.abs().max(max.abs())),
            Self::Range { min, max } => (min.min(max), max.max(min)),
        };
        let room = if min == 0.0 { 1.0 } else { min.abs() * 0.1 };
        // A constant map is drawn in the middle colour.
        if max > min && (max - min).is_finite() {
            Limits { min, max }
        } else {
            Limits {
                min: min - room,
                max: max + room,
            }
        }
    }

    /// In words, for notes and captions.
    pub fn name(self) -> &'static str {
        match self {
            Self::MinMax => "min to max",
            Self::Symmetric => "symmetric around 0",
            Self::Range { .. } => "fixed range",
        }
    }
}

/// The values at the two ends of a colormap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Limits {
    pub min: f32,
    pub max: f32,
}

impl Limits {
    /// The place of a value between the ends: 0 and 1, outside them for values outside, NaN for NaN.
    pub fn place(self, value: f32) -> f32 {
        (value - self.min) / (self.max - self.min)
    }

    pub fn rgb(self, value: f32, colormap: Colormap) -> Rgb {
        colormap.rgb(self.place(value))
    }
}

fn finite_range(values: &[f32]) -> Option<(f32, f32)> {
    let finite = values.iter().copied().filter(|v| v.is_finite());
    finite.fold(None, |range, v| {
        Some(range.map_or((v, v), |(min, max): (f32, f32)| (min.min(v), max.max(v))))
    })
}

/// All values of a tensor of any shape and number type, row by row.
pub(crate) fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.flatten_all()?.to_dtype(DType::F32)?.to_vec1()
}

/// Values on a grid, row by row.
#[derive(Clone, Debug)]
pub(crate) struct Map {
    pub height: usize,
    pub width: usize,
    pub values: Vec<f32>,
}

impl Map {
    /// From `[height, width]`.
    pub fn new(map: &Tensor) -> Result<Self> {
        match *map.dims() {
            [height, width] if height * width > 0 => Ok(Self {
                height,
                width,
                values: values(map)?,
            }),
            _ => bail!("expected a map of shape [height, width], got {:?}", map.dims()),
        }
    }

    /// The maps of `[channels, height, width]`.
    pub fn channels(maps: &Tensor) -> Result<Vec<Self>> {
        match *maps.dims() {
            [channels, height, width] if channels * height * width > 0 => {
                let all = values(maps)?;
                let maps = all.chunks(height * width).map(|values| Self {
                    height,
                    width,
                    values: values.to_vec(),
                });
                Ok(maps.collect())
            }
            _ => bail!(
                "expected maps of shape [channels, height, width], got {:?}",
                maps.dims()
            ),
        }
    }

    pub fn picture(&self, limits: Limits, colormap: Colormap) -> RgbImage {
        RgbImage::from_fn(self.width as u32, self.height as u32, |x, y| {
            image::Rgb(limits.rgb(self.values[y as usize * self.width + x as usize], colormap))
        })
    }
}

/// What is not a finite number, in words; `None` if all are.
pub(crate) fn oddities<'a>(values: impl IntoIterator<Item = &'a f32>) -> Option<String> {
    let (mut nan, mut infinite) = (0, 0);
    for value in values {
        nan += usize::from(value.is_nan());
        infinite += usize::from(value.is_infinite());
    }
    match (nan, infinite) {
        (0, 0) => None,
        (_, 0) => Some(format!("{nan} NaN (cyan)")),
        (0, _) => Some(format!("{infinite} infinite")),
        _ => Some(format!("{nan} NaN (cyan), {infinite} infinite")),
    }
}

/// A picture from `[3, height, width]`, red, green, blue; `byte` makes 0 to 255 of a value. A pixel with a NaN in it
/// gets the NaN colour.
pub(crate) fn picture(rgb: &Tensor, byte: impl Fn(f32) -> f32) -> Result<RgbImage> {
    let [3, height, width] = *rgb.dims() else {
        bail!(
            "expected an RGB image of shape [3, height, width], got {:?}",
            rgb.dims()
        );
    };
    if height * width == 0 {
        bail!("expected an RGB image with at least one pixel, got {:?}", rgb.dims());
    }
    let all = values(rgb)?;
    Ok(RgbImage::from_fn(width as u32, height as u32, |x, y| {
        let pixel: [f32; 3] = std::array::from_fn(|c| all[(c * height + y as usize) * width + x as usize]);
        image::Rgb(if pixel.iter().any(|v| v.is_nan()) {
            Colormap::NAN
        } else {
            pixel.map(|v| byte(v).round().clamp(0.0, 255.0) as u8)
        })
    }))
}

/// Round values between `min` and `max`, about `wanted` of them and at least two, in steps of 1, 2 or 5 times a power of
/// ten.
pub(crate) fn ticks(min: f64, max: f64, wanted: usize) -> Vec<(f64, String)> {
    let counts = wanted.max(2)..wanted.max(2) + 8;
    let found = counts
        .map(|wanted| round_values(min, max, wanted))
        .find(|ticks| ticks.len() >= 2);
    found.unwrap_or_else(|| round_values(min, max, wanted))
}

fn round_values(min: f64, max: f64, wanted: usize) -> Vec<(f64, String)> {
    let rough = (max - min) / wanted.max(1) as f64;
    if !(rough.is_finite() && rough > 0.0) {
        return vec![(min, number(min, None))];
    }
    let power = 10f64.powi(rough.log10().floor() as i32);
    let step = [1.0, 2.0, 5.0, 10.0]
        .map(|m| m * power)
        .into_iter()
        .find(|s| *s >= rough * 0.999)
        .unwrap_or(rough);
    let (first, last) = ((min / step - 1e-6).ceil() as i64, (max / step + 1e-6).floor() as i64);
    (first..=last)
        .map(|i| i as f64 * step)
        .map(|v| (v, number(v, Some(step))))
        .collect()
}

/// Powers of ten between `min` and `max`, thinned out to about `wanted`; both are logarithms.
pub(crate) fn log_ticks(min: f64, max: f64, wanted: usize) -> Vec<(f64, String)> {
    let (first, last) = ((min - 1e-6).ceil() as i64, (max + 1e-6).floor() as i64);
    let step = (((last - first) as f64 / wanted.max(1) as f64).ceil() as i64).max(1);
    let thinned = (first..=last).filter(|k| k.rem_euclid(step) == 0);
    thinned.map(|k| (k as f64, format!("10{}", superscript(k)))).collect()
}

/// A number as people write it: `step` says how fine, otherwise three significant digits.
pub(crate) fn number(value: f64, step: Option<f64>) -> String {
    let size = value.abs().max(step.unwrap_or(0.0));
    if size == 0.0 || (value == 0.0 && step.is_some()) {
        return "0".to_string();
    }
    if !(1e-3..1e5).contains(&size) {
        let power = size.log10().floor() as i32;
        let mantissa = format!("{:.1}", value / 10f64.powi(power));
        let mantissa = mantissa.trim_end_matches(".0").replace('-', "−");
        return format!("{mantissa}·10{}", superscript(power as i64));
    }
    let digits = match step {
        Some(step) => (-step.log10().floor()).max(0.0) as usize,
        None => (2.0 - size.log10().floor()).max(0.0) as usize,
    };
    let text = format!("{value:.digits$}");
    let text = if step.is_none() && text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    let (whole, part) = text.split_once('.').map_or((text, ""), |(whole, part)| (whole, part));
    let sign = if whole.starts_with('-') { "−" } else { "" };
    // Four digits read well as they are.
    let whole = match whole.trim_start_matches('-') {
        digits if digits.len() > 4 => grouped(digits.parse().unwrap_or(0)),
        digits => digits.to_string(),
    };
    if part.is_empty() {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{part}")
    }
}

/// A count with separators: 11,689,512.
pub fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let places = digits.chars().enumerate();
    let separated = places.flat_map(|(place, digit)| {
        let comma = place > 0 && (digits.len() - place).is_multiple_of(3);
        comma.then_some(',').into_iter().chain([digit])
    });
    separated.collect()
}

fn superscript(power: i64) -> String {
    let raise = |c| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        digit => char::from_u32('⁰' as u32 + digit as u32 - '0' as u32).unwrap_or(digit),
    };
    power.to_string().chars().map(raise).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_or_empty_range_never_divides_by_zero() {
        for scale in [Scale::MinMax, Scale::Symmetric, Scale::Range { min: 2.0, max: 2.0 }] {
            for all in [
                vec![0.0; 4],
                vec![-7.0; 4],
                vec![f32::NAN; 4],
                vec![f32::INFINITY],
                vec![],
            ] {
                let limits = scale.limits(&all);
                assert!(limits.max > limits.min, "{scale:?} over {all:?} gives {limits:?}");
            }
        }
        assert_eq!(Scale::MinMax.limits(&[3.0, 3.0]).place(3.0), 0.5);
    }

    #[test]
    fn a_symmetric_scale_puts_zero_in_the_middle() {
        let limits = Scale::Symmetric.limits(&[-1.0, 0.0, 4.0, f32::NAN]);
        assert_eq!((limits.min, limits.max, limits.place(0.0)), (-4.0, 4.0, 0.5));
    }

    #[test]
    fn ticks_are_round_and_inside() {
        let labels = |t: Vec<(f64, String)>| t.into_iter().map(|(_, l)| l).collect::<Vec<_>>();
        assert_eq!(labels(ticks(0.0, 1.0, 5)), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(ticks(-3.0, 7.0, 2)), ["0", "5"]);
        assert_eq!(
            labels(log_ticks(-2.0, 3.0, 9)),
            ["10⁻²", "10⁻¹", "10⁰", "10¹", "10²", "10³"]
        );
        assert_eq!(number(0.000_25, None), "2.5·10⁻⁴");
        assert_eq!(number(-0.5, None), "−0.5");
        assert_eq!(number(435.0, None), "435");
        assert_eq!(number(23_456.0, None), "23,456");
        let counts = [0, 999, 1000, 11_689_512].map(grouped);
        assert_eq!(counts, ["0", "999", "1,000", "11,689,512"]);
    }
}
