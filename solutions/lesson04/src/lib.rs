//! Lesson 04: probing and dissection. Its `README.md` says what will come.
