//! The command line of a lesson's pictures.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind, set_hook};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::bail;
use clap::{CommandFactory, FromArgMatches, Parser, ValueEnum};
use course::panics::{self, Todo, first_line};
use draw::Theme;

use crate::{Choice, Data, Instrument, LeftOut, Material, Picture, bars, instruments};

/// The image whose classes are printed where there is no photo.
const SHOWN_IMAGE: u64 = 7;

/// Draws the pictures of a lesson from the code in this package.
///
/// Each is written when it is complete: after Ctrl-C those that were named are there.
#[derive(Parser)]
struct Arguments {
    /// Draw only these pictures: a name, a part of a name, or a pattern with `*` and `?`
    #[arg(value_name = "PICTURE")]
    pictures: Vec<String>,
    /// Say what there is to draw, and draw nothing
    #[arg(long)]
    list: bool,
    /// Where the files go [default: target/pictures/PACKAGE of the workspace]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// On light paper, or on dark paper as NAME.dark.png
    #[arg(long, value_enum, default_value_t)]
    theme: Paper,
    /// Your own photo (JPEG, PNG or WebP) in the pictures that are of one image
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// Another ResNet: robust, trained against an adversary; resnet18 or resnet50 if fetched; or a file, safetensors or a PyTorch
    /// state dict
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Where the images come from [default: scenes for a network of the course, none for another one]
    #[arg(long, value_enum)]
    data: Option<Data>,
    /// Your own images (JPEG, PNG or WebP) in the pictures of many; where each lies in a folder of its class, these are its labels
    #[arg(long, value_name = "FOLDER", conflicts_with = "data")]
    images: Option<PathBuf>,
    /// Ask about this class of the network, by its name or its number, instead of the most probable one; can be repeated
    #[arg(long = "class", value_name = "NAME_OR_NUMBER")]
    classes: Vec<String>,
    /// Ask about this unit, `layer3.5:20` for channel 20 of block 5 of layer3, in lesson 03's pictures of single units; can be
    /// repeated
    #[arg(long = "unit", value_name = "SITE:CHANNEL")]
    units: Vec<String>,
    /// Answer the page's bench with the functions of this package instead of drawing
    #[arg(long, hide = true)]
    instruments: bool,
    /// So many scenes where a picture counts over many, as the league of lesson 05 does: fewer are quicker, with wider intervals
    #[arg(long, value_name = "N")]
    scenes: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Paper {
    #[default]
    Light,
    Dark,
}

/// The main function of `package`: draws every picture it can and prints the paths of the files.
///
/// A picture whose exercise is not done yet is named and left out. The exit status is a failure if one could not be
/// drawn for another reason.
pub fn main(package: &'static str, pictures: &[Picture]) -> ExitCode {
    main_with(package, pictures, &[])
}

/// [`main`] of a package whose functions the page's bench can use.
pub fn main_with(package: &'static str, pictures: &[Picture], instruments: &[Instrument]) -> ExitCode {
    writing::end_with_the_reader();
    resnet::keep_memory();
    let command = Arguments::command().name(package);
    let arguments = Arguments::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit());
    if arguments.list {
        let width = pictures.iter().map(|picture| picture.name.len()).max().unwrap_or(0);
        for Picture { name, shows, .. } in pictures {
            println!("{name:width$}  {shows}");
        }
        return ExitCode::SUCCESS;
    }
    if arguments.instruments {
        set_hook(Box::new(|_| {}));
        let served = instruments::serve(instruments, std::io::stdin().lock(), std::io::stdout());
        return if served.is_ok() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        };
    }
    match resnet::with_told_processors()
        .map_err(anyhow::Error::from)
        .and_then(|()| draw(package, pictures, arguments))
    {
        Ok(exit) => exit,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Grades a lesson with `cargo test -p`, and hands on the arguments behind `--`: for editors, whose "Run" starts a lesson's
/// program of tests as it is.
pub fn grade(package: &str) -> ExitCode {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = std::process::Command::new(cargo);
    command
        .args(["test", "--quiet", "--package", package, "--"])
        .args(std::env::args_os().skip(1));
    match command.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: cargo does not start ({error}); run cargo test -p {package}");
            ExitCode::FAILURE
        }
    }
}

fn draw(package: &str, pictures: &[Picture], arguments: Arguments) -> anyhow::Result<ExitCode> {
    let chosen = chosen(pictures, &arguments.pictures)?;
    let choice = Choice {
        data: arguments.data,
        images: arguments.images,
        weights: arguments.weights,
        image: arguments.image,
        classes: arguments.classes,
        units: arguments.units,
        scenes: arguments.scenes,
    };
    let material = open(&choice)?;
    let folder = match arguments.out {
        Some(folder) => folder,
        None => course::root()?.join("target/pictures").join(package),
    };
    // What went wrong is said below, in one line.
    set_hook(Box::new(|_| {}));
    writing::end_with_the_reader();
    let mut exit = ExitCode::SUCCESS;
    for (place, picture) in chosen.iter().enumerate() {
        let title = format!("{}/{} {}", place + 1, chosen.len(), picture.name);
        let begin = Instant::now();
        let outcome = {
            let _line = bars::begin(&title);
            one(picture, &material, &folder, arguments.theme)
        };
        let name = picture.name;
        match outcome {
            Fate::Drawn { path, has_svg } => {
                let beside = if has_svg { " and .svg" } else { "" };
                println!("{}{beside}  ({})", path.display(), words(begin.elapsed()));
                material.take_remarks().iter().for_each(|remark| println!("  {remark}"));
            }
            Fate::LeftOut(why) => println!("{name}.png left out: {why}"),
            Fate::Waits(exercise) => println!("{name}.png waits for {}", named(&exercise)),
            Fate::Failed(problem) => {
                exit = ExitCode::FAILURE;
                println!("{name}.png could not be drawn: {problem}");
            }
        }
    }
    Ok(exit)
}

/// What became of a picture.
enum Fate {
    Drawn {
        path: PathBuf,
        /// Charts and diagrams are drawn as SVG as well.
        has_svg: bool,
    },
    /// It makes no sense for this material.
    LeftOut(String),
    /// The exercise that it waits for.
    Waits(String),
    Failed(String),
}

/// Draws one picture into the folder.
fn one(picture: &Picture, material: &Material, folder: &Path, paper: Paper) -> Fate {
    material.take_remarks();
    let (theme, extension) = match paper {
        Paper::Light => (Theme::Light, "png"),
        Paper::Dark => (Theme::Dark, "dark.png"),
    };
    let path = folder.join(picture.name).with_extension(extension);
    let draw = || -> anyhow::Result<bool> {
        let figure = (picture.draw)(material)?.theme(theme);
        figure.save(&path)?;
        if figure.is_vector() {
            figure.save_svg(path.with_extension("svg"))?;
        }
        Ok(figure.is_vector())
    };
    let drawn = catch_unwind(AssertUnwindSafe(draw));
    match drawn {
        Ok(Ok(has_svg)) => Fate::Drawn { path, has_svg },
        Ok(Err(error)) => match error.downcast_ref::<LeftOut>() {
            Some(LeftOut(why)) => Fate::LeftOut(why.clone()),
            None => match first_line(&format!("{error:#}")) {
                // A ResNet of CIFAR-10's own kind; the course's pictures are of networks with four layers.
                text if text.contains("\"layer4") && material.network().config().blocks[3] == 0 => {
                    Fate::LeftOut(format!("{} has no layer4", material.network_name()))
                }
                text => Fate::Failed(text.to_string()),
            },
        },
        Err(panic) => match panics::todo(panics::message(&*panic)) {
            Some(Todo::Stub { exercise, .. }) => Fate::Waits(exercise.to_string()),
            _ => Fate::Failed(format!("panicked, {}", first_line(panics::message(&*panic)))),
        },
    }
}

/// Runs a part that needs exercises, of a picture that is worth drawing without it: `Err` with the exercise, in words, that the
/// part waits for.
///
/// **Errors** and other panics are those of the part.
pub fn unless_it_waits<T>(part: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<Result<T, String>> {
    match catch_unwind(AssertUnwindSafe(part)) {
        Ok(made) => made.map(Ok),
        Err(panic) => match panics::todo(panics::message(&*panic)) {
            Some(Todo::Stub { exercise, .. }) => Ok(Err(named(exercise))),
            _ => resume_unwind(panic),
        },
    }
}

/// `1.8, receptive field`
fn named(exercise: &str) -> String {
    match course::exercise(exercise) {
        Some((_, found)) => format!("{exercise}, {}", found.title),
        None => exercise.to_string(),
    }
}

/// How long something took.
fn words(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        ..9.95 => format!("{seconds:.1} s"),
        ..99.5 => format!("{seconds:.0} s"),
        _ => format!("{} min {:02} s", time.as_secs() / 60, time.as_secs() % 60),
    }
}

/// The pictures that were asked for, in the lesson's order; all if none was.
fn chosen<'p>(pictures: &'p [Picture], wanted: &[String]) -> anyhow::Result<Vec<&'p Picture>> {
    let mut asked = vec![wanted.is_empty(); pictures.len()];
    for pattern in wanted {
        let pattern = pattern.strip_suffix(".png").unwrap_or(pattern);
        // A name that is there means this picture alone, not those whose names it begins.
        let exact = pictures.iter().any(|picture| picture.name == pattern);
        let mut found = false;
        for (picture, asked) in pictures.iter().zip(&mut asked) {
            let is_meant = if exact {
                picture.name == pattern
            } else if pattern.contains(['*', '?']) {
                matches(pattern, picture.name)
            } else {
                picture.name.contains(pattern)
            };
            *asked |= is_meant;
            found |= is_meant;
        }
        if !found {
            let names: Vec<_> = pictures.iter().map(|picture| picture.name).collect();
            bail!("no picture is called {pattern:?}; there are {}", names.join(", "));
        }
    }
    Ok(pictures
        .iter()
        .zip(asked)
        .filter_map(|(picture, asked)| asked.then_some(picture))
        .collect())
}

/// Whether a name fits a pattern, in which `*` stands for any letters and `?` for one.
fn matches(pattern: &str, name: &str) -> bool {
    match (pattern.chars().next(), name.chars().next()) {
        (None, None) => true,
        (Some('*'), None) => matches(&pattern[1..], name),
        (Some('*'), Some(letter)) => matches(&pattern[1..], name) || matches(pattern, &name[letter.len_utf8()..]),
        (Some(wanted), Some(letter)) if wanted == '?' || wanted == letter => {
            matches(&pattern[wanted.len_utf8()..], &name[letter.len_utf8()..])
        }
        _ => false,
    }
}

/// The material; where it is not the course's own, what the network answers is printed.
fn open(choice: &Choice) -> anyhow::Result<Material> {
    let material = Material::open(choice, &choice.cache()?)?;
    if choice.is_own() {
        return Ok(material);
    }
    match material.image(SHOWN_IMAGE) {
        Ok(sample) => print!("{}", material.answer_text(&sample)?),
        Err(error) if error.is::<LeftOut>() => println!(
            "{}: what images it knows is not said, so scenes are not shown to it. `--image FILE` shows it a photo, `--images \
             FOLDER` many, `--data scenes` scenes all the same.",
            material.network_name()
        ),
        Err(error) => return Err(error),
    }
    Ok(material)
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};
    use draw::{Chart, Figure, ImagePanel, Series};

    use super::*;

    fn chart(_: &Material) -> anyhow::Result<Figure> {
        Ok(Figure::new("a chart").panel(Chart::new().series(Series::over_index("y", [1.0, 2.0]))))
    }

    fn image(material: &Material) -> anyhow::Result<Figure> {
        material.remark("made of pixels; waves need 3.4 and 3.6");
        let grey = Tensor::full(0.5f32, (3, 2, 2), &Device::Cpu)?;
        Ok(Figure::new("an image").panel(ImagePanel::new(&grey)?))
    }

    fn stub(_: &Material) -> anyhow::Result<Figure> {
        todo!("exercise 1.8: start with one pixel")
    }

    fn broken(_: &Material) -> anyhow::Result<Figure> {
        bail!("a shape does not fit")
    }

    const ALL: [Picture; 4] = [
        Picture::new("cascade", "a chart", chart),
        Picture::new("cascade_maps", "an image", image),
        Picture::new("fields", "a stub", stub),
        Picture::new("two_fields", "an error", broken),
    ];

    fn names(wanted: &[&str]) -> Vec<&'static str> {
        let wanted: Vec<String> = wanted.iter().map(|name| name.to_string()).collect();
        chosen(&ALL, &wanted)
            .unwrap()
            .iter()
            .map(|picture| picture.name)
            .collect()
    }

    #[test]
    fn pictures_are_chosen_by_name_or_pattern_in_their_own_order() {
        assert_eq!(names(&[]), ["cascade", "cascade_maps", "fields", "two_fields"]);
        assert_eq!(names(&["cascade"]), ["cascade"], "not those whose names it begins");
        assert_eq!(names(&["two", "cascade.png"]), ["cascade", "two_fields"]);
        assert_eq!(names(&["cas*"]), ["cascade", "cascade_maps"]);
        assert_eq!(names(&["*_?a*s"]), ["cascade_maps"]);
        let error = chosen(&ALL, &["maps2".into()]).unwrap_err().to_string();
        assert!(error.contains("\"maps2\"") && error.contains("two_fields"), "{error}");
    }

    #[test]
    fn each_picture_is_drawn_or_says_why_not() {
        let folder = tempfile::tempdir().unwrap();
        let material = Material::new(None, None).unwrap();
        let run = |picture: &Picture, paper| one(picture, &material, folder.path(), paper);
        assert!(matches!(run(&ALL[0], Paper::Light), Fate::Drawn { has_svg: true, .. }));
        assert!(matches!(run(&ALL[1], Paper::Dark), Fate::Drawn { has_svg: false, .. }));
        assert_eq!(material.take_remarks(), ["made of pixels; waves need 3.4 and 3.6"]);
        assert!(matches!(run(&ALL[2], Paper::Light), Fate::Waits(exercise) if exercise == "1.8"));
        assert!(matches!(run(&ALL[3], Paper::Light), Fate::Failed(why) if why == "a shape does not fit"));
        let mut files: Vec<_> = folder
            .path()
            .read_dir()
            .unwrap()
            .map(|file| file.unwrap().file_name())
            .collect();
        files.sort();
        assert_eq!(files, ["cascade.png", "cascade.svg", "cascade_maps.dark.png"]);
        let svg = std::fs::read_to_string(folder.path().join("cascade.svg")).unwrap();
        assert!(svg.contains("a chart") && svg.ends_with("</svg>\n"), "{svg}");
    }

    #[test]
    fn a_part_that_waits_names_its_exercise_and_other_faults_stay() {
        assert_eq!(unless_it_waits(|| Ok(3)).unwrap(), Ok(3));
        let waits = unless_it_waits(|| -> anyhow::Result<u32> { todo!("exercise 1.8: start with one pixel") });
        assert!(waits.unwrap().unwrap_err().starts_with("1.8, "));
        assert!(unless_it_waits(|| -> anyhow::Result<u32> { bail!("a shape") }).is_err());
        let other = catch_unwind(|| unless_it_waits(|| -> anyhow::Result<u32> { panic!("an index") }).is_ok());
        assert!(other.is_err());
    }

    #[test]
    fn times_are_written_as_people_say_them() {
        let texts = [0.04, 9.96, 75.2, 99.7, 314.0].map(|seconds| words(Duration::from_secs_f64(seconds)));
        assert_eq!(texts, ["0.0 s", "10 s", "75 s", "1 min 39 s", "5 min 14 s"]);
    }
}
