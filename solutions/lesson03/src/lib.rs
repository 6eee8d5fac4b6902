//! Lesson 03: feature visualization. Its `README.md` says what will come.
