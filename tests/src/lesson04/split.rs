use std::collections::{BTreeSet, HashSet};

use candle_core::{Result, bail};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::inputs::Random;
use crate::{Exam, Hazard::*, Observed, Slip, Wrong, slip, wrong};

/// `solution04::split`
pub type Split = fn(&[usize], f64, u64) -> Result<(Vec<usize>, Vec<usize>)>;

/// The attempt at 4.2 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex4_2 {
    ($lesson:ident) => {
        $lesson::split
    };
}

const SOLUTION: Split = ex4_2!(solution04);

type Sides = (Vec<usize>, Vec<usize>);

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    Rows,
    FirstGroups,
    NewEachTime,
    Swapped,
    GroupsReturned,
    ShareOfRows,
    ShareToTrain,
    MayBeEmpty,
    TrainShuffled,
}

fn split(groups: &[usize], share: f64, seed: u64, fault: Fault) -> Result<Sides> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let distinct: BTreeSet<usize> = groups.iter().copied().collect();
    let mut distinct: Vec<usize> = distinct.into_iter().collect();
    if distinct.len() < 2 {
        bail!("{} groups, share {share}", distinct.len())
    }
    if fault == Fault::Rows {
        let mut rows: Vec<usize> = (0..groups.len()).collect();
        rows.shuffle(&mut random);
        let mut test = rows.split_off(groups.len() - (share * groups.len() as f64).round() as usize);
        rows.sort_unstable();
        test.sort_unstable();
        return Ok((rows, test));
    }
    match fault {
        Fault::FirstGroups => {}
        Fault::NewEachTime => distinct.shuffle(&mut rand::rng()),
        _ => distinct.shuffle(&mut random),
    }
    let counted = if fault == Fault::ShareToTrain {
        1.0 - share
    } else {
        share
    };
    let mut count = (counted * distinct.len() as f64).round() as usize;
    if fault != Fault::MayBeEmpty {
        count = count.clamp(1, distinct.len() - 1);
    }
    if fault == Fault::ShareOfRows {
        let wanted = (share * groups.len() as f64).round() as usize;
        let size = |group: &usize| groups.iter().filter(|one| *one == group).count();
        let mut rows = 0;
        count = distinct
            .iter()
            .take_while(|group| {
                let more = rows < wanted;
                rows += size(group);
                more
            })
            .count();
    }
    let held_out: HashSet<usize> = distinct[..count].iter().copied().collect();
    if fault == Fault::GroupsReturned {
        let (mut test, mut train) = (distinct[..count].to_vec(), distinct[count..].to_vec());
        test.sort_unstable();
        train.sort_unstable();
        return Ok((train, test));
    }
    let (mut train, test): Sides = (0..groups.len()).partition(|&row| !held_out.contains(&groups[row]));
    if fault == Fault::TrainShuffled {
        train.shuffle(&mut random);
    }
    match fault {
        Fault::Swapped => Ok((test, train)),
        _ => Ok((train, test)),
    }
}

/// What must hold of a split, whichever generator made it.
fn properties(f: Split, groups: &[usize], share: f64, seed: u64) -> Result<Observed> {
    let (train, test) = f(groups, share, seed)?;
    let mut all: Vec<usize> = train.iter().chain(&test).copied().collect();
    all.sort_unstable();
    let on = |rows: &[usize]| -> BTreeSet<usize> { rows.iter().filter_map(|&row| groups.get(row).copied()).collect() };
    let (train_groups, test_groups) = (on(&train), on(&test));
    let rising = |rows: &[usize]| rows.windows(2).all(|pair| pair[0] < pair[1]);
    Ok(Observed::fields([
        (
            "each row is on exactly one side",
            Observed::Flag(all == (0..groups.len()).collect::<Vec<_>>()),
        ),
        (
            "scenes on both sides",
            train_groups.intersection(&test_groups).count().into(),
        ),
        ("scenes held out", test_groups.len().into()),
        ("rows rise", Observed::Flag(rising(&train) && rising(&test))),
    ]))
}

fn expected(held_out: usize) -> Observed {
    Observed::fields([
        ("each row is on exactly one side", Observed::Flag(true)),
        ("scenes on both sides", Observed::Count(0)),
        ("scenes held out", held_out.into()),
        ("rows rise", Observed::Flag(true)),
    ])
}

const WRONG: &[Wrong<Split>] = &[
    wrong(
        "rows shuffled",
        "You shuffled rows, so views of one scene lie on both sides: the probe can recognise the scene. Shuffle the \
         scenes, and let their rows follow.",
        |g, s, r| split(g, s, r, Fault::Rows),
    ),
    wrong(
        "always the same scenes",
        "The seed makes no difference: always the same scenes are held out. Data are often sorted, so shuffle the \
         scenes with `ChaCha8Rng::seed_from_u64(seed)`.",
        |g, s, r| split(g, s, r, Fault::FirstGroups),
    ),
    wrong(
        "not repeatable",
        "Two calls with the same seed differ. Take the generator from the seed, not from the thread, and let nothing \
         depend on the order of a `HashSet` or `HashMap`.",
        |g, s, r| split(g, s, r, Fault::NewEachTime),
    ),
    wrong(
        "sides swapped",
        "As many scenes are held out as should train: you returned the test rows first, or counted the scenes to train \
         on. The rows to train on come first, and `test_share` is what is held out.",
        |g, s, r| split(g, s, r, Fault::Swapped),
    ),
    wrong(
        "scenes instead of rows",
        "You returned the numbers of scenes. What is needed are row numbers: the places in `groups` where those \
         scenes stand.",
        |g, s, r| split(g, s, r, Fault::GroupsReturned),
    ),
    wrong(
        "share of the rows",
        "You held scenes out until their rows made up the share. `test_share` counts scenes: round(test_share · \
         scenes).",
        |g, s, r| split(g, s, r, Fault::ShareOfRows),
    ),
    wrong(
        "share left to train on",
        "You left `test_share` of the scenes to train on. It is the share that is held out.",
        |g, s, r| split(g, s, r, Fault::ShareToTrain),
    ),
    wrong(
        "a side may be empty",
        "With a small share you hold out no scene at all, or with a large one you leave none. Keep at least one on \
         each side: `count.clamp(1, scenes - 1)`.",
        |g, s, r| split(g, s, r, Fault::MayBeEmpty),
    ),
    wrong(
        "rows in shuffled order",
        "The rows of a side do not rise. Return both lists in rising order, so that two splits can be compared.",
        |g, s, r| split(g, s, r, Fault::TrainShuffled),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Split>] = &[
    slip(Sizes, "the share rounded down, of seven scenes", |f| {
        *f = |g, s, r| match g.iter().collect::<BTreeSet<_>>().len() {
            7 => split(
                g,
                (s * 7.0).floor().max(1.0) / 7.0 - if s < 0.4 { 1.0 / 7.0 } else { 0.0 },
                r,
                Fault::None,
            ),
            _ => split(g, s, r, Fault::None),
        }
    }),
    slip(Scale, "a table as long as the largest number", |f| {
        *f = |g, s, r| {
            if g.iter().any(|&scene| scene > 1 << 30) {
                bail!("too large")
            } else {
                split(g, s, r, Fault::None)
            }
        }
    }),
    slip(Errors, "of one scene the first half", |f| {
        *f = |g, s, r| {
            if g.iter().all(|one| one == &g[0]) {
                Ok((0..g.len()).partition(|row| 2 * row < g.len()))
            } else {
                split(g, s, r, Fault::None)
            }
        }
    }),
];

/// 4.2
pub fn exam(seed: u64) -> Exam<Split> {
    spare(hazards(seed, basics(seed, answers())))
}

/// Right answers and wrong ones.
fn answers() -> Exam<Split> {
    Exam::new("4.2", SOLUTION)
        .mistakes(WRONG)
        .alternative("by sorting random keys", |groups, share, seed| {
            use rand::Rng;
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let mut keyed: Vec<(u64, usize)> = vec![];
            let mut known = groups.to_vec();
            known.sort_unstable();
            known.dedup();
            if known.len() < 2 {
                bail!("{} groups", known.len())
            }
            keyed.extend(known.iter().map(|&group| (random.random(), group)));
            keyed.sort_unstable();
            let count = ((share * keyed.len() as f64).round() as usize).clamp(1, keyed.len() - 1);
            let (mut train, mut test) = (vec![], vec![]);
            for (row, group) in groups.iter().enumerate() {
                let out = keyed[..count].iter().any(|(_, one)| one == group);
                if out { test.push(row) } else { train.push(row) }
            }
            Ok((train, test))
        })
}

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<Split>) -> Exam<Split> {
    let mut random = Random::new(seed, 42);
    // 12 scenes with 3 views each, in any order, under numbers that are no row numbers.
    let mut views: Vec<usize> = (0..36).map(|row| 100 + 7 * (row / 3)).collect();
    for row in (1..views.len()).rev() {
        views.swap(row, random.count(0, row));
    }
    let unequal: Vec<usize> = (0..49).map(|row: usize| row.saturating_sub(39)).collect();
    let start = random.count(0, 1000) as u64;
    let scenes = random.count(30, 90);
    let pairs: Vec<usize> = (0..2 * scenes).map(|row| row % scenes).collect();
    let large: Vec<usize> = (0..30).map(|row: usize| row.saturating_sub(24)).collect();

    exam.truth("two scenes of one row, share 0.5", expected(1), |f| {
        properties(f, &[3, 5], 0.5, 0)
    })
    .because("Rows 0 and 1, one on each side: what comes back are the numbers of rows, whatever the scenes are called.")
    .given((pairs, views), |on| {
        on.truth(
            "12 scenes with 3 views each, share 0.25",
            expected(3),
            move |f, (_, views)| properties(f, views, 0.25, start),
        )
        .because("Whatever the seed: 3 of 12 scenes are held out, with all their views, and both lists of rows rise.")
        .truth(
            "10 scenes, one with 40 views, share 0.3, five seeds: scenes held out",
            vec![3; 5],
            move |f, _| -> Result<Vec<usize>> {
                let held_out = |seed| {
                    let test = f(&unequal, 0.3, start + seed)?.1;
                    Ok(test.iter().map(|&row| unequal[row]).collect::<BTreeSet<_>>().len())
                };
                (0..5).map(held_out).collect()
            },
        )
        .because("round(0.3 · 10) different scenes, whatever the seed. The share counts scenes, not rows.")
        .truth("12 scenes, share 0.01", expected(1), move |f, (_, views)| {
            properties(f, views, 0.01, start)
        })
        .because("0.12, rounded to 0; at least one scene is held out.")
        .truth("12 scenes, share 0.99", expected(11), move |f, (_, views)| {
            properties(f, views, 0.99, start)
        })
        .because("11.88, rounded to 12; at least one scene is left to train on.")
        .truth(
            format!("{scenes} scenes with 2 views, share 0.3"),
            expected((0.3 * scenes as f64).round() as usize),
            move |f, (pairs, ..)| properties(f, pairs, 0.3, start),
        )
        .because("round(0.3 · scenes) are held out, to the nearest whole number.")
        .truth(
            "one seed, twice: is the split the same?",
            true,
            move |f, (pairs, ..)| -> Result<bool> { Ok(f(pairs, 0.25, start)? == f(pairs, 0.25, start)?) },
        )
        .truth(
            "20 seeds give more than one split",
            true,
            move |f, (_, views)| -> Result<bool> {
                let splits = (0..20)
                    .map(|i| f(views, 0.25, start + i))
                    .collect::<Result<HashSet<_>>>()?;
                Ok(splits.len() > 1)
            },
        )
        .truth(
            "3000 seeds: each of 6 scenes is held out in 29 % to 39 % of 0.33 splits",
            true,
            move |f, _| -> Result<bool> {
                let groups: Vec<usize> = (0..6).collect();
                let mut held_out = [0; 6];
                for i in 0..3000 {
                    for row in f(&groups, 0.33, start + i)?.1 {
                        held_out[row] += 1;
                    }
                }
                Ok(held_out.iter().all(|count| (870..=1170).contains(count)))
            },
        )
        .because("Every scene has the same chance of being held out: 2 of 6.")
        .truth(
            "300 seeds: of 6 scenes, one with 25 views, this one is held out in 20 % to 47 % of 0.33 splits",
            true,
            move |f, _| -> Result<bool> {
                let mut held_out = 0;
                for i in 0..300 {
                    held_out += usize::from(f(&large, 0.33, start + i)?.1.contains(&0));
                }
                Ok((60..=141).contains(&held_out))
            },
        )
        .because("A scene has the same chance of being held out however many views it has: 2 of 6.")
        .refuses("one scene", |f, _| properties(f, &[4, 4, 4], 0.5, 0))
    })
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, mut exam: Exam<Split>) -> Exam<Split> {
    let start = Random::new(seed, 142).count(0, 1000) as u64;
    let groups = |scenes: usize| -> Vec<usize> { (0..3 * scenes).map(|row| 5 * (row % scenes)).collect() };
    for (scenes, share, held_out, because) in [
        (7, 0.4, 3, "0.4 · 7 = 2.8, rounded to 3."),
        (7, 0.35, 2, "0.35 · 7 = 2.45, rounded to 2."),
        (7, 0.5, 4, "0.5 · 7 = 3.5, rounded to 4."),
        (3, 0.9, 2, "0.9 · 3 = 2.7 would leave none to train on."),
        (2, 0.1, 1, "At least one scene is held out."),
        (9, 0.95, 8, "0.95 · 9 = 8.55 would leave none to train on."),
    ] {
        exam = exam
            .truth(
                format!("{scenes} scenes of three rows each, share {share}"),
                expected(held_out),
                move |f| properties(f, &groups(scenes), share, start),
            )
            .because(because)
            .holds(Sizes);
    }
    exam.truth("numbers of scenes up to 2⁶⁰, share 0.5", expected(2), move |f| {
        properties(f, &[1 << 60, 3, 1 << 60, 0, 1 << 40], 0.5, start)
    })
    .holds(Scale)
    .refuses("no rows", |f| properties(f, &[], 0.5, 0))
    .unnamed("the share rounded down", |g, s, r| {
        let scenes = g.iter().collect::<BTreeSet<_>>().len();
        split(
            g,
            (s * scenes as f64).floor() / scenes.max(1) as f64 + 1e-9,
            r,
            Fault::None,
        )
    })
    .unnamed("the share rounded up", |g, s, r| {
        let scenes = g.iter().collect::<BTreeSet<_>>().len();
        split(
            g,
            ((s * scenes as f64).ceil() / scenes.max(1) as f64 - 1e-9).min(1.0 - 1e-9),
            r,
            Fault::None,
        )
    })
    .proofs(SOLUTION, PROOFS)
}

/// What this exercise has no room for.
fn spare(exam: Exam<Split>) -> Exam<Split> {
    exam.spared(&[NotContiguous, Batch], "it takes no tensor")
        .spared(
            &[Combined],
            "shares, numbers of scenes and unequal views come together in the inputs",
        )
        .spared(
            &[Sign, Names, Wiring],
            "counts from 0 on, no names, no parts put together",
        )
        .spared(&[Ties], "rows of one scene stay together whatever their order")
        .spared(&[Returned], "tried as mistakes: sides, order, rows")
        .spared(&[NotFinite, Empty], "among what must be refused")
}
