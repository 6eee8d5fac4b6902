//! A card as a page of its own: one file, without anything from outside.

use std::fmt::Write;

use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use draw::Figure;

use crate::card::{Example, UnitCard, Wire};
use crate::figure;
use crate::optimum::{Made, Optima};

/// The address of another unit's page, if there is one.
pub type Link<'a> = dyn Fn(&str, usize) -> Option<String> + 'a;

/// What all pages of the microscope look like.
pub const CSS: &str = include_str!("card.css");

/// Text as HTML shows it.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// A whole page around a body.
pub fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n<style>{CSS}</style>\n</head>\n<body>\n<main>\n\
         {body}\n</main>\n</body>\n</html>\n",
        escape(title)
    )
}

/// The card as a whole page.
///
/// **Errors** if a figure cannot be drawn.
pub fn page(card: &UnitCard, link: &Link) -> Result<String> {
    Ok(document(
        &format!("{} of {}", card.name(), card.network),
        &body(card, link)?,
    ))
}

/// The card inside of a page.
///
/// **Errors** if a figure cannot be drawn.
pub fn body(card: &UnitCard, link: &Link) -> Result<String> {
    let mut html = String::new();
    let around = [
        card.unit.checked_sub(1),
        Some(card.unit + 1).filter(|unit| *unit < card.units),
    ];
    let near = around.into_iter().flatten();
    let near = near.filter_map(|unit| {
        Some(format!(
            "<a href=\"{}\">{} {unit}</a>",
            link(&card.site, unit)?,
            card.site
        ))
    });
    let near: Vec<String> = near.collect();
    write!(html, "<h1>{}</h1>\n<p>{}</p>\n", escape(&card.name()), head(card))?;
    if !near.is_empty() {
        writeln!(
            html,
            "<nav aria-label=\"units beside it\">{} <a href=\"index.html\">all units</a></nav>",
            near.join(" ")
        )?;
    }
    html += &whose(card);
    html += &wants(card)?;
    html += &drives(card)?;
    if let Some(curves) = &card.tuning {
        let figure = figure::tuning(card, curves);
        html += &section(
            "tuning",
            "What it is tuned to",
            &(curve_table(card) + &drawn(&figure, "Tuning curves, in numbers in the table above")?),
        );
    }
    html += &stands_for(card)?;
    let silence = figure::silence(card, &card.silence);
    html += &section(
        "without",
        "What the network loses without it",
        &(silence_table(card) + &drawn(&silence, "Bars by class, in numbers in the table above")?),
    );
    html += &wired(card, link)?;
    if !card.left_out.is_empty() {
        let items: String = card
            .left_out
            .iter()
            .map(|one| format!("<li>{}</li>", escape(one)))
            .collect();
        html += &section("left-out", "What is left out", &format!("<ul>{items}</ul>"));
    }
    Ok(html)
}

fn section(id: &str, title: &str, body: &str) -> String {
    format!("<section id=\"{id}\">\n<h2>{title}</h2>\n{body}\n</section>\n")
}

/// Whose functions made the parts.
fn whose(card: &UnitCard) -> String {
    let sentences = card
        .panels
        .iter()
        .map(|panel| format!("<li>{}</li>", escape(&panel.words())));
    let sentences: String = sentences.collect();
    let rest = if sentences.is_empty() {
        "Made by the functions of the solutions."
    } else {
        "The rest by the functions of the solutions."
    };
    format!("<section id=\"whose\" class=\"how\"><ul>{sentences}</ul>{rest}</section>\n")
}

/// The sentences at the top.
fn head(card: &UnitCard) -> String {
    let (height, width) = card.map;
    let mut text = format!(
        "Unit {} of {} at {}, a map of {height}×{width}, in {}.",
        card.unit, card.units, card.site, card.network
    );
    let s = &card.statistics;
    match s.zeros {
        Some(zeros) if zeros.is_dead => text += &format!(" It is dead: above zero nowhere on {}.", card.images),
        Some(zeros) if s.is_rectified => {
            text += &format!(
                " It is zero at {:.1} % of all places ({}).",
                100.0 * zeros.share,
                card.images
            );
        }
        _ => {}
    }
    if let Some((concept, iou)) = card.concept() {
        let null = card.standing.as_ref().map_or(0.0, |standing| standing.null);
        text +=
            &format!(" Its best concept is {concept}, IoU {iou:.3}; the masks of other scenes give {null:.3} at most.");
    }
    text += &format!(" Checkpoint {}.", &card.hash[..12]);
    escape(&text)
}

fn drawn(figure: &Figure, alt: &str) -> Result<String> {
    let svg = STANDARD.encode(figure.svg()?);
    Ok(format!(
        "<img class=\"chart\" src=\"data:image/svg+xml;base64,{svg}\" alt=\"{}\">",
        escape(alt)
    ))
}

fn row_of(made: &[Made], alt: &str) -> String {
    let one = |(place, made): (usize, &Made)| {
        format!(
            "<figure><img src=\"{}\" alt=\"{} {}\" width=\"128\" height=\"128\"><figcaption>{:.2}</figcaption></figure>",
            made.picture.address(),
            escape(alt),
            place + 1,
            made.value
        )
    };
    format!(
        "<div class=\"pictures\">{}</div>",
        made.iter().enumerate().map(one).collect::<String>()
    )
}

fn wants(card: &UnitCard) -> Result<String> {
    let mut body = String::new();
    if let Some(filter) = &card.filter {
        write!(
            body,
            "<h3>Its filter</h3><div class=\"pictures\"><figure><img src=\"{}\" alt=\"the filter's weights in red, green and \
             blue\" width=\"112\" height=\"112\"><figcaption>grey is 0</figcaption></figure></div>",
            filter.address()
        )?;
    }
    let Some(optima) = &card.optima else {
        body += "<p>No image could be made: the unit has no gradient at the starts.</p>";
        return Ok(section("optimum", "What it wants", &body));
    };
    let Optima {
        starts,
        diverse,
        alike,
        minima,
        recipe,
    } = optima;
    let (low, high) = card.statistics.before;
    let rows = [
        (
            format!("Optimum, from {} starts, best first", starts.len()),
            starts,
            "optimum",
        ),
        ("Made to differ".into(), diverse, "made to differ"),
        ("Minimum".into(), minima, "minimum"),
    ];
    for (title, made, alt) in rows.iter().filter(|(_, made, _)| !made.is_empty()) {
        write!(body, "<h3>{title}</h3>{}", row_of(made, alt))?;
    }
    write!(
        body,
        "<p class=\"how\">{}. Below each image: the unit's mean over the map before the ReLU; {} give {low:.2} to {high:.2}. \
         Alikeness at {} (3.8): {:.2} among the starts, {:.2} among those made to differ.</p>",
        escape(recipe),
        escape(&card.images),
        escape(&card.site),
        alike.0,
        alike.1
    )?;
    Ok(section("optimum", "What it wants", &body))
}

fn examples(all: &[Example]) -> String {
    let one = |example: &Example| {
        format!(
            "<figure><img src=\"{}\" alt=\"{}\" width=\"128\" height=\"128\"><figcaption>{:.2}<br>{}</figcaption></figure>",
            example.picture.address(),
            escape(&example.name),
            example.value,
            escape(&example.name)
        )
    };
    format!(
        "<div class=\"pictures\">{}</div>",
        all.iter().map(one).collect::<String>()
    )
}

fn drives(card: &UnitCard) -> Result<String> {
    let s = &card.statistics;
    let mut body = format!(
        "<h3>Strongest</h3>{}<h3>Weakest</h3>{}<p class=\"how\">Largest and smallest mean over the map of {}. Dark: where the \
         enlarged activation is not above {:.3}, the value that the unit exceeds at 0.5 % of all places (4.8). Over all of them \
         the mean is {:.3}, its standard deviation {:.3}.</p>",
        examples(&card.strongest),
        examples(&card.weakest),
        escape(&card.images),
        s.threshold,
        s.mean,
        s.deviation
    );
    if let Some(classes) = &card.by_class {
        body += "<h3>By class</h3>";
        body += &drawn(&figure::classes(card, classes), "The table below as a chart")?;
        body += "<details><summary>Numbers</summary><table><thead><tr><th scope=\"col\">class</th><th>images</th><th>minimum</th>\
            <th>quartile</th><th>median</th><th>quartile</th><th>maximum</th></tr></thead><tbody>";
        for class in classes {
            write!(
                body,
                "<tr><th scope=\"row\">{}</th><td>{}</td>",
                escape(&class.class),
                class.images
            )?;
            for value in class.quartiles {
                write!(body, "<td>{value:.3}</td>")?;
            }
            body += "</tr>";
        }
        body += "</tbody></table></details>";
    }
    Ok(section("drives", "What drives it", &body))
}

fn curve_table(card: &UnitCard) -> String {
    let rows = card.tuning.iter().flatten().map(|curve| {
        format!(
            "<tr><th scope=\"row\">{}</th>{}<td>{:.2}</td><td>{:.2}</td><td>{:.2}</td><td>{}</td></tr>",
            curve.factor.name(),
            match curve.selectivity {
                Some(of) => format!(
                    "<td>{:.2}</td><td>{:.2}</td><td>{:.2}</td>",
                    of.index, of.null.0, of.null.1
                ),
                None => "<td colspan=\"3\">only behind a ReLU</td>".into(),
            },
            curve.index,
            curve.null.0,
            curve.null.1,
            if curve.is_tuned() {
                escape(curve.preferred())
            } else {
                "none: the share is not above its null".into()
            }
        )
    });
    format!(
        "<table><thead><tr><th scope=\"col\">factor</th><th>index (4.10)</th><th>its null</th><th>95 %</th>\
         <th>share</th><th>its null</th><th>95 %</th><th>prefers</th></tr></thead>\
         <tbody>{}</tbody></table>",
        rows.collect::<String>()
    )
}

fn stands_for(card: &UnitCard) -> Result<String> {
    let Some(standing) = &card.standing else {
        return Ok(String::new());
    };
    let mut body = String::from("<table><thead><tr><th scope=\"col\">concept</th><th>IoU</th></tr></thead><tbody>");
    for (concept, iou) in &standing.best {
        write!(
            body,
            "<tr><th scope=\"row\">{}</th><td>{iou:.3}</td></tr>",
            escape(concept)
        )?;
    }
    write!(
        body,
        "</tbody></table><p class=\"how\">Where the enlarged activation is above the threshold against where the concept was \
         drawn, pooled over {} (4.8). Null: the best of all concepts with the masks of other scenes, {:.3}.</p>",
        escape(&card.images),
        standing.null
    )?;
    Ok(section("concept", "What it stands for", &body))
}

/// The classes that were asked for, then the first ten of the others.
fn shown<'a, T>(all: Vec<&'a T>, card: &UnitCard, name: impl Fn(&T) -> &String) -> impl Iterator<Item = &'a T> {
    let (wanted, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|one| card.wanted.contains(name(one)));
    wanted.into_iter().chain(others.into_iter().take(10))
}

fn silence_table(card: &UnitCard) -> String {
    let mut most: Vec<_> = card.silence.classes.iter().collect();
    most.sort_by(|a, b| b.logit.abs().total_cmp(&a.logit.abs()));
    let rows = shown(most, card, |class| &class.class).map(|class| {
        let recall = match class.recognised {
            Some((all, before, after)) => format!("<td>{before} of {all}</td><td>{after} of {all}</td>"),
            None => String::new(),
        };
        format!(
            "<tr><th scope=\"row\">{}</th><td>{:+.3}</td>{recall}</tr>",
            escape(&class.class),
            class.logit
        )
    });
    // Of all classes or of none.
    let is_recall_known = card.silence.classes.iter().any(|class| class.recognised.is_some());
    let (over, recall) = if is_recall_known {
        (
            "over the images of the class",
            "<th scope=\"col\">recognised</th><th scope=\"col\">without it</th>",
        )
    } else {
        ("over all images", "")
    };
    format!(
        "<table><thead><tr><th scope=\"col\">class</th><th scope=\"col\">its logit, {over}</th>{recall}</tr></thead>\
         <tbody>{}</tbody></table><p class=\"how\">{}</p>",
        rows.collect::<String>(),
        escape(&figure::silence_words(card))
    )
}

fn wires(all: &[Wire], link: &Link) -> String {
    let one = |wire: &Wire| {
        let name = format!("{} {}", wire.site, wire.unit);
        let picture = match &wire.thumbnail {
            Some(picture) => format!(
                "<img src=\"{}\" alt=\"\" width=\"64\" height=\"64\">",
                picture.address()
            ),
            None => String::new(),
        };
        let inside = format!("{picture}<span>{}</span>", escape(&name));
        let inside = match link(&wire.site, wire.unit) {
            Some(address) => format!("<a href=\"{}\">{inside}</a>", escape(&address)),
            None => inside,
        };
        format!(
            "<figure>{inside}<figcaption>{:+.3}; {:+.3}</figcaption></figure>",
            wire.weight, wire.strength
        )
    };
    format!(
        "<div class=\"pictures small\">{}</div>",
        all.iter().map(one).collect::<String>()
    )
}

fn wired(card: &UnitCard, link: &Link) -> Result<String> {
    let mut body = String::new();
    if !card.inputs.is_empty() {
        write!(
            body,
            "<h3>From {}</h3>{}",
            card.inputs[0].site,
            wires(&card.inputs, link)
        )?;
    }
    if !card.outputs.is_empty() {
        write!(
            body,
            "<h3>To {}</h3>{}",
            card.outputs[0].site,
            wires(&card.outputs, link)
        )?;
    }
    if !card.inputs.is_empty() || !card.outputs.is_empty() {
        write!(
            body,
            "<p class=\"how\">First number: by how much the one that is fed rises, before its ReLU, if the other rises by one \
             everywhere; kernels summed over their positions, batch norm and shortcuts multiplied out, each ReLU on the way \
             counted with the share of places where it is open on the first {} images. A first guess, not a measurement. Second \
             number: the same for one standard deviation of the mean of the one that feeds, over {}; by it they are ranked. \
             Picture: an optimum.</p>",
            crate::weights::IMAGES,
            escape(&card.images)
        )?;
    }
    if let Some(classes) = &card.classes {
        let mut most: Vec<_> = classes.iter().collect();
        most.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        let rows = shown(most, card, |one| &one.0)
            .map(|(class, weight)| format!("<tr><th scope=\"row\">{}</th><td>{weight:+.3}</td></tr>", escape(class)));
        write!(
            body,
            "<h3>To the classes</h3><table><thead><tr><th scope=\"col\">class</th><th>weight</th></tr></thead><tbody>{}</tbody>\
             </table><p class=\"how\">By how much the class's logit rises if the unit's mean over the map rises by one: exact.</p>",
            rows.collect::<String>()
        )?;
    }
    Ok(section("weights", "Which units feed it, and which it feeds", &body))
}
