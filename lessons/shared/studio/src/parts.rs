//! A picture of several parts, of which some wait for an exercise.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use anyhow::Result;
use course::panics::{self, Todo};

use crate::Material;

/// The parts of a picture that could not be made yet, and what they wait for.
///
/// ```text
/// let mut parts = Parts::default();
/// if let Some(map) = parts.make("Grad-CAM++", || Ok(grad_cam_plus_plus(…)?))? {
///     figure = figure.panel(…);
/// }
/// Ok(figure.caption(format!("… {}", parts.told(material))))
/// ```
#[derive(Debug, Default)]
pub struct Parts {
    /// What waits, and for which exercise.
    waiting: Vec<(String, String)>,
}

impl Parts {
    /// What `make` makes; none if it reaches the stub of an exercise, which is then remembered.
    ///
    /// **Errors** as `make` does. Any other panic goes on.
    pub fn make<T>(&mut self, what: &str, make: impl FnOnce() -> Result<T>) -> Result<Option<T>> {
        match catch_unwind(AssertUnwindSafe(make)) {
            Ok(made) => made.map(Some),
            Err(panic) => {
                let Some(Todo::Stub { exercise, .. }) = panics::todo(panics::message(&*panic)) else {
                    resume_unwind(panic)
                };
                let waits = (what.to_string(), exercise.to_string());
                if !self.waiting.contains(&waits) {
                    self.waiting.push(waits);
                }
                Ok(None)
            }
        }
    }

    /// "Not drawn yet: Grad-CAM++, which waits for 5.5; saliency and edges, which wait for 5.6."; nothing if all is there.
    /// The terminal says it too.
    pub fn told(&self, material: &Material) -> String {
        if self.waiting.is_empty() {
            return String::new();
        }
        let mut exercises: Vec<&str> = vec![];
        for (_, exercise) in &self.waiting {
            if !exercises.contains(&exercise.as_str()) {
                exercises.push(exercise);
            }
        }
        let waits = exercises.iter().map(|&exercise| {
            let of = self.waiting.iter().filter(|(_, other)| other == exercise);
            let of: Vec<&str> = of.map(|(what, _)| what.as_str()).collect();
            match &of[..] {
                [one] => format!("{one}, which waits for {exercise}"),
                [some @ .., last] => format!("{} and {last}, which wait for {exercise}", some.join(", ")),
                [] => String::new(),
            }
        });
        let text = format!("Not drawn yet: {}.", waits.collect::<Vec<_>>().join("; "));
        material.remark(&text);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_said_once_and_the_rest_is_made() {
        let mut parts = Parts::default();
        let stub = |exercise: &'static str| move || -> Result<u32> { todo!("exercise {}: start here", exercise) };
        assert_eq!(parts.make("a map", || Ok(7)).unwrap(), Some(7));
        assert_eq!(parts.make("saliency", stub("5.6")).unwrap(), None);
        assert_eq!(parts.make("Grad-CAM++", stub("5.5")).unwrap(), None);
        assert_eq!(parts.make("guided backprop", stub("5.6")).unwrap(), None);
        assert_eq!(parts.make("saliency", stub("5.6")).unwrap(), None);
        assert!(
            parts
                .make("a shape", || anyhow::bail!("does not fit") as Result<u32>)
                .is_err()
        );
        let material = Material::new(None, None).unwrap();
        let told = "Not drawn yet: saliency and guided backprop, which wait for 5.6; Grad-CAM++, which waits for 5.5.";
        assert_eq!(parts.told(&material), told);
        assert_eq!(material.take_remarks(), [told]);
        assert_eq!(Parts::default().told(&material), "");
    }

    #[test]
    #[should_panic = "index out of bounds"]
    fn other_panics_go_on() {
        let none: Vec<u32> = vec![];
        let _ = Parts::default().make("a map", || Ok(none[std::hint::black_box(3)]));
    }
}
