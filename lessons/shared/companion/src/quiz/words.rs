//! What the quiz says, in both languages.

use course::questions::Language;

/// What the program itself says.
pub(super) struct Words {
    pub keys: &'static str,
    pub seed: &'static str,
    pub of: &'static str,
    pub lesson: &'static str,
    pub again: &'static str,
    pub right: &'static str,
    pub wrong: &'static str,
    pub answer: &'static str,
    pub read: &'static str,
    pub practise: &'static str,
    pub score: &'static str,
    pub open: &'static str,
    pub repeat: &'static str,
    pub right_before: &'static str,
    pub left: &'static str,
    pub none_left: &'static str,
}

impl Words {
    pub fn of(language: Language) -> &'static Self {
        match language {
            Language::English => &Self {
                keys: "A letter answers, s skips, q ends.",
                seed: "The same order again: --seed",
                of: "of",
                lesson: "lesson",
                again: "Type s, q or a letter from a to",
                right: "Right.",
                wrong: "Wrong.",
                answer: "The answer is",
                read: "read",
                practise: "practise",
                score: "right",
                open: "not answered",
                repeat: "Those you missed:",
                right_before: "Answered rightly before, and asked last:",
                left: "Still to be answered rightly:",
                none_left: "Each of them was answered rightly. --again starts over.",
            },
            Language::Spanish => &Self {
                keys: "Una letra responde, s salta la pregunta, q termina.",
                seed: "Para repetir el mismo orden: --seed",
                of: "de",
                lesson: "lección",
                again: "Escribe s, q o una letra de la a a la",
                right: "Correcto.",
                wrong: "Incorrecto.",
                answer: "La respuesta es",
                read: "lee",
                practise: "practica",
                score: "correctas",
                open: "sin responder",
                repeat: "Para repetir las falladas:",
                right_before: "Respondidas bien antes, y preguntadas al final:",
                left: "Por responder bien todavía:",
                none_left: "Todas están respondidas bien. Con --again se empieza de nuevo.",
            },
        }
    }
}
