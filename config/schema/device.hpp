// Settings of a DEVICE: it runs the student on its stream and applies updates.
#pragma once

#include <cstdint>
#include <string>

#include "config/schema.hpp"
#include "config/schema/strategies.hpp"
#include "config/schema/self_test.hpp"
#include "config/schema/source.hpp"

namespace freshet::config {

struct device_settings {
  std::string model = "models/scenes/student";
  std::string chat_template = "auto";
  double samples_per_second = 20;
  std::uint32_t batch = 4;
  bool twin = true;
  std::string state_dir;
  std::string trusted_keys;
  source_settings source;
  self_test_settings self_test;

  static void describe(schema<device_settings>& s) {
    s.setting("model", &device_settings::model,
              "Folder of the student in Hugging Face layout (config.json, *.safetensors). All devices and the "
              "distiller of a line must have the same one.")
        .check([](const std::string& folder) { return folder.empty() ? "name the folder of the student" : ""; });
    s.setting("chat_template", &device_settings::chat_template,
              "How the student is asked: the text around picture, question and answer. All devices and the distiller must have the same.")
        .one_of(chat_template_choices());
    s.setting("samples_per_second", &device_settings::samples_per_second,
              "Pace of the stream; 0 answers as fast as the machine allows.")
        .between(0.0, 100'000.0)
        .unit("samples per second")
        .example(2.5);
    s.setting("batch", &device_settings::batch,
              "Samples answered in one forward pass. More is faster on the whole and later for each.")
        .between(1, 256)
        .unit("samples");
    s.setting("twin", &device_settings::twin,
              "Run a frozen copy of the base model on the same samples, to show what adaptation is worth. It costs as "
              "much as the student itself; production devices set false.");
    s.setting("state_dir", &device_settings::state_dir,
              "Where the device keeps its active and its previous version; empty for a folder of its own below the "
              "document's state_dir.")
        .example("/var/lib/freshet/edge-1");
    s.setting("trusted_keys", &device_settings::trusted_keys,
              "File of the public keys whose artefacts the device takes; it follows their rotation by itself. Empty for "
              "trusted_keys in its state_dir, where `freshet keys join` puts it.")
        .example("/var/lib/freshet/edge-1/trusted_keys");
    s.table("source", &device_settings::source, "The stream of this device.");
    s.table("self_test", &device_settings::self_test, "What a new version must show before it answers here.");
  }
};

}  // namespace freshet::config
