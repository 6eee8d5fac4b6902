//! A right answer to 5.9, written independently of the solution, with flaws.

use candle_core::{DType, Device, Result, Tensor, bail};

/// A vector made as long as 1.
pub(super) fn unit(vector: &Tensor) -> Result<Tensor> {
    vector.broadcast_div(&vector.sqr()?.sum_all()?.sqrt()?)
}

/// The part of each place along a direction of length 1.
pub(super) fn along(activation: &Tensor, unit: &Tensor) -> Result<Tensor> {
    let unit = unit.reshape((1, unit.dim(0)?, 1, 1))?;
    activation.broadcast_mul(&unit)?.sum_keepdim(1)?.broadcast_mul(&unit)
}

/// Does it `how`, with the directions as a list.
pub(super) fn take_out(
    activation: &Tensor,
    directions: &Tensor,
    how: impl Fn(&Tensor, &[Tensor]) -> Result<Tensor>,
) -> Result<Tensor> {
    let rows = (0..directions.dim(0)?)
        .map(|i| directions.get(i))
        .collect::<Result<Vec<_>>>()?;
    how(activation, &rows)
}

/// Least squares: the part of each place that no mixture of the directions explains, by the normal equations.
pub(super) fn by_least_squares(activation: &Tensor, directions: &Tensor) -> Result<Tensor> {
    let (batch, channels, height, width) = activation.dims4()?;
    let count = directions.dim(0)?;
    let exact = directions.to_dtype(DType::F64)?.contiguous()?;
    let exact = exact.broadcast_div(&exact.sqr()?.sum_keepdim(1)?.sqrt()?)?;
    let inverse = inverse(exact.matmul(&exact.t()?)?.to_vec2()?)?.concat();
    let inverse = Tensor::from_vec(inverse, (count, count), &Device::Cpu)?;
    let projector = exact
        .t()?
        .matmul(&inverse)?
        .matmul(&exact)?
        .to_dtype(activation.dtype())?;
    let flat = activation.flatten_from(2)?;
    (&flat - projector.broadcast_matmul(&flat)?)?.reshape((batch, channels, height, width))
}

/// By elimination. The diagonal of `matrix` is 1, and none of the numbers left on it may vanish.
fn inverse(mut matrix: Vec<Vec<f64>>) -> Result<Vec<Vec<f64>>> {
    let count = matrix.len();
    for (i, row) in matrix.iter_mut().enumerate() {
        row.extend((0..count).map(|j| f64::from(u8::from(i == j))));
    }
    for i in 0..count {
        let pivot = matrix[i][i];
        if pivot.is_nan() || pivot < 1e-8 {
            bail!("a mixture: {i}");
        }
        let row: Vec<f64> = matrix[i].iter().map(|x| x / pivot).collect();
        for other in &mut matrix {
            let factor = other[i];
            other.iter_mut().zip(&row).for_each(|(x, y)| *x -= factor * y);
        }
        matrix[i] = row;
    }
    Ok(matrix.into_iter().map(|row| row[count..].to_vec()).collect())
}

/// A scene of the class or of another, taken for the class or not, without the cause and with it.
pub(super) struct Seen {
    pub(super) own: bool,
    pub(super) before: bool,
    pub(super) after: bool,
}

pub(super) const RECALL: usize = 2;

pub(super) const TURNED: usize = 3;

pub(super) fn share(seen: &[Seen], of: fn(&Seen) -> bool, among: fn(&Seen) -> bool) -> f64 {
    let all = seen.iter().filter(|s| among(s)).count() as f64;
    seen.iter().filter(|s| among(s) && of(s)).count() as f64 / all
}

pub(super) fn shares(class: u32, labels: &[u32], without: &[u32], with: &[u32]) -> Result<[f64; 4]> {
    instead(
        class,
        labels,
        without,
        with,
        TURNED,
        |s| s.after && !s.before,
        |s| !s.own,
    )
}

/// The four shares, the one at `place` counted like this.
pub(super) fn instead(
    class: u32,
    labels: &[u32],
    without: &[u32],
    with: &[u32],
    place: usize,
    of: fn(&Seen) -> bool,
    among: fn(&Seen) -> bool,
) -> Result<[f64; 4]> {
    let seen: Vec<_> = (0..labels.len())
        .map(|i| Seen {
            own: labels[i] == class,
            before: without[i] == class,
            after: with[i] == class,
        })
        .collect();
    let right = |predicted: &[u32]| labels.iter().zip(predicted).filter(|(a, b)| a == b).count() as f64;
    let all = labels.len() as f64;
    let recall = share(&seen, |s| s.before, |s| s.own);
    let turned = share(&seen, |s| s.after && !s.before, |s| !s.own);
    let mut shares = [right(without) / all, right(with) / all, recall, turned];
    shares[place] = share(&seen, of, among);
    Ok(shares)
}
