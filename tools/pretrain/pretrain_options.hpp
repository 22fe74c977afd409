// The options of `pretrain`, shared by the program and the freshet command.
#pragma once

#include <CLI/CLI.hpp>

#include "tools/pretrain/pretrain.hpp"

namespace freshet::tools {

inline void add_pretrain_options(CLI::App& app, pretrain_request& r) {
  app.add_option("--data", r.data, "\"scenes\", or a folder with train.jsonl/test.jsonl or <domain>.train.jsonl/...")
      ->required();
  app.add_option("--out", r.out, "Folder in which teacher/ and student/ are written")->required();
  app.add_option("--role", r.role, "teacher, student, both, or rehearsal (only the student's replay samples)")->capture_default_str();
  app.add_option("--phases", r.phases, "Phases in order; the student sees only the first")->delimiter(',');
  app.add_option("--minutes", r.minutes, "Time for each model")->capture_default_str();
  app.add_option("--steps", r.steps, "Steps for each model instead of minutes: repeats exactly");
  app.add_option("--seed", r.seed, "Seed of weights and draws")->capture_default_str();
  app.add_option("--severity", r.severity, "Strength of the shifts, 0 to 1")->capture_default_str();
  app.add_option("--side", r.side, "Pictures' side in pixels, a multiple of 8")->capture_default_str();
  app.add_option("--learning-rate", r.learning_rate, "Peak learning rate")->capture_default_str();
  app.add_option("--dropped-batches", r.dropped_batches,
                 "Share of batches in which tokens are missing, so that the model learns to read partial pictures")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--fewest-tokens", r.fewest_tokens, "Smallest share of tokens left in such a batch")
      ->capture_default_str()
      ->check(CLI::Range(0.01, 1.0));
  app.add_option("--rehearsal-pictures", r.rehearsal_pictures,
                 "Pictures of the first phase that are left beside the student, against forgetting")
      ->capture_default_str()
      ->check(CLI::Range(1, 100000));
  app.add_option("--threads", r.threads, "Threads; 0 = all cores")->capture_default_str();
  app.add_flag("--quiet", r.quiet, "No progress");
}

}  // namespace freshet::tools
