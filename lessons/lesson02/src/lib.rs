//! Lesson 02: hooks, statistics, heatmaps. Its `README.md` says what will come.
