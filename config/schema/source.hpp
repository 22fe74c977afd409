// Where a DEVICE's samples come from, and how its world changes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/schema.hpp"

namespace freshet::config {

struct source_settings {
  std::string from = "scenes";
  std::vector<std::string> phases = {"clean", "fog", "night", "noise", "clean"};
  std::uint64_t samples_per_phase = 1500;
  double severity = 0.7;
  std::uint64_t seed = 1;

  static void describe(schema<source_settings>& s) {
    s.setting("from", &source_settings::from,
              "The stream: \"scenes\" for the built-in world, or a data folder with <domain>.test.jsonl or test.jsonl, "
              "or one JSON-lines file of {\"image\", \"question\", \"answer\"}; for students that read text only, of lines "
              "without \"image\".")
        .check([](const std::string& from) { return from.empty() ? "name \"scenes\", a folder or a .jsonl file" : ""; })
        .example("shared/data/pacs");
    s.setting("phases", &source_settings::phases,
              "Domains in the order in which the world goes through them, then from the start again. Of the built-in "
              "scenes and of folders with one domain these are shifts (clean, fog, night, noise, blur, cast, rain, "
              "dirt, contrast, semantic); of other folders the names of their domains.")
        .check([](const std::vector<std::string>& phases) {
          return phases.empty() || phases.size() > 1000 ? "name 1 to 1000 phases" : "";
        })
        .example({"photo", "art", "cartoon", "sketch", "photo"});
    s.setting("samples_per_phase", &source_settings::samples_per_phase, "How long a phase lasts on one device.")
        .between(1, 1'000'000'000)
        .unit("samples");
    s.setting("severity", &source_settings::severity, "How strong the shifts are; 0 leaves pictures as they are.")
        .between(0.0, 1.0)
        .unit("share");
    s.setting("seed", &source_settings::seed,
              "Chooses the scenes and the noise. Devices with the same seed still see different samples: their "
              "number is mixed in.");
  }
};

}  // namespace freshet::config
