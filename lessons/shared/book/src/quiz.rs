//! A question of the study guide as it stands in a page: multiple choice in both languages, answered in place.

use course::questions::{Choice, Language, Question};

use crate::html::{escape, from_markdown};

/// HTML on one line. The page checks the answer by itself; where a server runs it is remembered.
pub fn widget(question: &Question) -> String {
    let order = order(question);
    let languages = [(Language::English, "en"), (Language::Spanish, "es")];
    let panes: String = languages
        .iter()
        .map(|(language, code)| pane(question, &order, *language, code))
        .collect();
    format!(
        "<div class=\"quiz\" data-question=\"{id}\" id=\"question-{id}\">{panes}</div>",
        id = question.id
    )
}

fn pane(question: &Question, order: &[usize], language: Language, code: &str) -> String {
    let text = question.text(language);
    let word = if language == Language::English {
        "Question"
    } else {
        "Pregunta"
    };
    let choices: String = order
        .iter()
        .map(|&index| choice(question, index, language, code))
        .collect();
    let answer = if language == Language::English {
        "Answer"
    } else {
        "Respuesta"
    };
    format!(
        "<fieldset lang=\"{code}\"><legend><span class=\"question-id\">{word} {}</span> {}</legend>{choices}\
         <p class=\"result\" role=\"status\"></p>\
         <details class=\"answer\"><summary>{answer}</summary>{}</details></fieldset>",
        question.id,
        inline(&text.question),
        from_markdown(&text.answer)
    )
}

fn choice(question: &Question, index: usize, language: Language, code: &str) -> String {
    let choice = &question.choices[index];
    let text = words(choice, language);
    let right = if index == 0 { " data-right" } else { "" };
    format!(
        "<label{right}><input type=\"radio\" name=\"{}-{code}\" value=\"{index}\"> <span>{}</span>\
         <span class=\"why\" hidden>{}</span></label>",
        question.id,
        inline(&text.text),
        escape(&text.why)
    )
}

fn words(choice: &Choice, language: Language) -> &course::questions::ChoiceText {
    match language {
        Language::English => &choice.en,
        Language::Spanish => &choice.es,
    }
}

/// Markdown of one paragraph without the paragraph.
fn inline(markdown: &str) -> String {
    let html = from_markdown(markdown);
    html.trim_start_matches("<p>").trim_end_matches("</p>").to_string()
}

/// The choices in an order that depends on the question alone, so that the right one is not always the first.
fn order(question: &Question) -> Vec<usize> {
    let shift = question
        .id
        .bytes()
        .fold(7usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
    let count = question.choices.len();
    (0..count).map(|place| (place + shift) % count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_has_one_right_choice_per_language_and_stands_on_one_line() {
        for question in course::questions::questions() {
            let html = widget(question);
            assert_eq!(html.matches(" data-right").count(), 2, "{}", question.id);
            assert!(!html.contains('\n'), "{}", question.id);
        }
    }

    #[test]
    fn the_right_choice_is_not_always_the_first() {
        let questions = course::questions::questions();
        let first = questions.iter().filter(|question| order(question)[0] == 0).count();
        assert!(first < questions.len() / 2, "{first} of {}", questions.len());
    }
}
