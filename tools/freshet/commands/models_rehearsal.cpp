// freshet models rehearsal MODEL: the samples that a student must not forget.
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "tools/freshet/commands/models.hpp"
#include "tools/freshet/commands/topology_options.hpp"
#include "tools/freshet/exit_codes.hpp"
#include "tools/rehearsal/rehearsal_set.hpp"

namespace freshet::cli {
namespace {

constexpr const char* rehearsal_lessons =
    "Writes rehearsal.safetensors into MODEL: answered questions of the domain that the student comes from. The distiller\n"
    "rehearses them with what is new, so that the student does not forget; every eighth picture (of text: every eighth\n"
    "question) is never trained on, and devices examine each new version by it. From a data folder the train split is taken.\n"
    "\n"
    "  freshet models rehearsal small-vlm --data my-data --phase photo\n"
    "  freshet models rehearsal small-lm --data my-texts --phase law --samples 400";

void tell(const tools::rehearsal_outcome& done, bool as_json) {
  if (as_json) {
    std::cout << nlohmann::json{{"file", done.file}, {"phase", done.phase}, {"pictures", done.pictures}, {"questions", done.questions},
                                {"held_out", done.held_out}, {"skipped", done.skipped}}
                     .dump()
              << '\n';
    return;
  }
  std::cout << done.file << ": " << done.questions << " questions of phase " << done.phase << " in " << done.pictures
            << " groups, " << done.held_out << " of them for examinations\n";
  if (!done.skipped.empty()) std::cout << "skipped: " << done.skipped << '\n';
}

}  // namespace

void add_models_rehearsal(CLI::App& models, action& chosen) {
  auto r = std::make_shared<tools::rehearsal_request>();
  auto as_json = std::make_shared<bool>(false);
  CLI::App* app = models.add_subcommand("rehearsal", "Samples beside a student that it must not forget");
  app->footer(rehearsal_lessons);
  app->add_option("MODEL", r->model, "The student's folder")->required();
  app->add_option("--data", r->data, "\"scenes\", a data folder, or a .jsonl file")->required();
  app->add_option("--phase", r->phase, "The student's own domain; where the data has one only, \"clean\" or a shift of it");
  app->add_option("--samples", r->pictures, "Pictures; questions where the student reads text only")
      ->capture_default_str()
      ->check(CLI::Range(8, 100'000));
  app->add_option("--questions", r->questions, "Of each picture, at most")->capture_default_str()->check(CLI::Range(1, 100));
  app->add_option("--chat-template", r->chat_template, "As device.chat_template")->capture_default_str();
  app->add_option("--severity", r->severity, "Strength of the shift, if the phase is one")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  app->add_option("--seed", r->seed, "Seed of the draws")->capture_default_str();
  app->add_flag("--json", *as_json, "One JSON object");
  app->callback([r, as_json, &chosen] {
    chosen = [r, as_json]() -> int {
      const auto done = tools::make_rehearsal(*r);
      if (!done.ok()) return report(done.err());
      tell(*done, *as_json);
      return exit_ok;
    };
  });
}

}  // namespace freshet::cli
