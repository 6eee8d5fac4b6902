//! Lesson 05: class activation maps and the whole toolbox. Its `README.md` says what will come.
