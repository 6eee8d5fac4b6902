//! Exercise 5.9: a network that scores well and should not be trusted.

use candle_core::{Device, Error, Result, Tensor, bail};
use resnet::ResNet;
use scenes::{Sampler, Scene, Shape};

/// What the scenes of the case are drawn from, those of its test too: the lessons' scenes, each with a badge. Shape,
/// colour, texture, badge, ground, size, place and rotation are drawn independently.
pub fn case_sampler() -> Sampler {
    Sampler {
        badge_probability: 1.0,
        ..Sampler::default()
    }
}

/// The test in which the network of the case, `resnet::checkpoints::case()`, gets everything right: 300 scenes.
///
/// They are scenes of [`case_sampler`]. Which ones stands in `case.test.txt` beside the checkpoint.
pub fn test_scenes() -> Result<Vec<Scene>> {
    const FILE: &str = include_str!("../../../lessons/shared/checkpoints/case.test.txt");
    let mut numbers = FILE.split_whitespace().map(|word| {
        let number = word.parse::<u64>();
        number.map_err(|_| Error::Msg(format!("case.test.txt: expected a number, got {word:?}")))
    });
    let Some(seed) = numbers.next().transpose()? else {
        bail!("case.test.txt: expected a seed and the scenes, got nothing");
    };
    numbers
        .map(|index| Scene::sample(&case_sampler(), seed, index?))
        .collect()
}

/// What you found. Part of exercise 5.9.
#[derive(Clone, Copy, Debug)]
pub struct Finding {
    /// The class that rests on the wrong cause.
    pub class: Shape,
    /// A scene with the cause put in; its class stays what it is.
    pub put_in: fn(&Scene) -> Scene,
    /// A scene without the cause: another value in its place, or nothing.
    pub take_out: fn(&Scene) -> Scene,
}

/// Your answer. Look before you answer; the lesson says where to begin. Part of exercise 5.9.
///
/// It is tried on the network: the class must be found in the test (at least 90 %), no longer be found once your cause is
/// taken out (at most 30 %), and your cause must turn scenes of other classes into it (at least 50 %). The checks tell how
/// far each of these is, and nothing else.
pub fn finding() -> Finding {
    todo!("exercise 5.9: look at the maps of each class first")
}

/// The direction in which a cause moves the features. Part of exercise 5.9.
///
/// ```math
/// d = mean_n(with_n − without_n),    direction = d / ‖d‖
/// ```
/// - `with`, `without`: features of the same scenes with the cause and without it, `[scenes, channels]`
/// - returns a vector of length 1, `[channels]`, from without to with
///
/// **Errors** if the shapes differ, or the cause moves nothing.
pub fn difference(with: &Tensor, without: &Tensor) -> Result<Tensor> {
    if with.dims2()? != without.dims2()? {
        bail!(
            "expected features of one shape, got {:?} and {:?}",
            with.dims(),
            without.dims()
        );
    }
    todo!("exercise 5.9: average the differences, make the length 1; and if there is no length?")
}

/// Takes directions out of an activation, at every place. Part of exercise 5.9.
///
/// ```math
/// a ← a − Σ_d (a·q_d) q_d        a: the channels at one place; q: an orthonormal basis of the directions
/// ```
/// - `activation`: `[batch, channels, height, width]`
/// - `directions`: `[count, channels]`, of any length, at any angle, none a mixture of the others
/// - returns the activation's shape. The result is at a right angle to every direction
///
/// A unit is a direction too: 1 in its own place, 0 elsewhere. Removing it switches the channel off.
///
/// **Errors** if the shapes do not fit, or a direction is a mixture of the others.
/// **Trap** Subtracting one direction after the other from the original takes away twice what two directions share. Make
/// each new direction perpendicular to those before it first (Gram and Schmidt).
pub fn remove(activation: &Tensor, directions: &Tensor) -> Result<Tensor> {
    let (batch, channels, height, width) = activation.dims4()?;
    let (count, length) = directions.dims2()?;
    if length != channels {
        bail!("expected directions of {channels} channels, got {length}");
    }
    todo!("exercise 5.9: subtract from each place what it has along each direction")
}

/// What a cause does to a network. Part of exercise 5.9.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effect {
    /// Share of scenes without the cause that are classified rightly.
    pub accuracy_without: f64,
    /// The same with the cause in every scene.
    pub accuracy_with: f64,
    /// Share of the class's own scenes that are found without the cause.
    pub recall_without: f64,
    /// Share of the *other* classes' scenes that are taken for the class with the cause and were not without it.
    pub turned: f64,
}

/// Measures an effect on counterfactual pairs. Part of exercise 5.9.
///
/// - `class`: the class that rests on the cause
/// - `labels`: the true class of each scene
/// - `without`, `with`: the predicted class of each scene without the cause, and of the same scene with it
///
/// **Errors** if the lengths differ, or a share has nothing to be a share of.
/// **Trap** Each share has its own denominator: all scenes, the class's own scenes, the scenes of the other classes. And
/// `without` comes first here, unlike in [`difference`]: before the cause, then after it.
pub fn effect(class: u32, labels: &[u32], without: &[u32], with: &[u32]) -> Result<Effect> {
    if labels.len() != without.len() || labels.len() != with.len() {
        bail!(
            "expected predictions for {} scenes, got {} and {}",
            labels.len(),
            without.len(),
            with.len()
        );
    }
    if !labels.contains(&class) || labels.iter().all(|&label| label == class) {
        bail!("expected scenes of class {class} and of others, got one kind");
    }
    todo!("exercise 5.9: four shares, each with its own denominator")
}

/// What to take out of a network, and where. Part of exercise 5.9.
#[derive(Clone, Debug)]
pub struct Repair {
    /// The site.
    pub site: String,
    /// `[count, channels of the site]`: a direction, or one row for each unit.
    pub directions: Tensor,
}

/// How far a cause moves the scores of the classes other than `class`, apart from what it does to all of them alike.
///
/// ```math
/// m_c = mean_n(with_nc − without_nc)    push = ‖m − mean_c(m)‖    c: the other classes
/// ```
/// - `without`, `with`: the class scores of the same scenes without the cause and with it, `[scenes, classes]`
pub fn push(class: u32, without: &Tensor, with: &Tensor) -> Result<f64> {
    let others: Vec<u32> = (0..with.dim(1)? as u32).filter(|&other| other != class).collect();
    let others = Tensor::new(others, with.device())?;
    let moved = (with - without)?.mean(0)?.index_select(&others, 0)?;
    let apart = moved.broadcast_sub(&moved.mean_keepdim(0)?)?;
    Ok(f64::from(apart.sqr()?.sum_all()?.sqrt()?.to_scalar::<f32>()?))
}

/// The class scores of a repaired network, `[batch, classes]`: [`remove`] at the site of the repair.
///
/// - `images`: normalized, `[batch, 3, height, width]`
pub fn repaired(network: &ResNet, repair: &Repair, images: &Tensor) -> Result<Tensor> {
    if !network.sites().contains(&repair.site) {
        bail!("expected a site of the network, got {:?}", repair.site);
    }
    resnet::by_image(images, |image| {
        network.forward_visit(image, &mut |site, activation| {
            let here = site == repair.site;
            here.then(|| remove(activation, &repair.directions)).transpose()
        })
    })
}

/// ## 5.9 The case
///
/// This network gets everything right in its test, and one of its classes rests on the wrong cause. Say which class and
/// which cause ([`finding`]), write the three measures ([`difference`], [`remove`], [`effect`]), and then this: what to
/// take out of the network, and at which site, so that the cause no longer decides.
///
/// - `network`: `resnet::checkpoints::case()`
/// - returns the repair. It passes if, on scenes that you have not seen, the cause turns less than 10 % of the other
///   classes' scenes into the class, the accuracy on the other classes without the cause has lost at most 2 points, and
///   the [`push`] is at most 40 % of what it was: a network that only cannot say the class is not repaired
///
/// Counterfactual scenes are all you need: `Scene::sample(&case_sampler(), seed, index)?`, the same with your cause,
/// and the same without it. `resnet::by_image` and `network.capture` give their features at a site.
///
/// **Errors** as its parts do.
/// **Accepted by** `cargo test -p lesson05 -- ex5_9`
pub fn repair(network: &ResNet) -> Result<Repair> {
    todo!("exercise 5.9: a direction or some units, at a site of your choice")
}
