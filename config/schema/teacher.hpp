// Settings of a TEACHER: the large model that labels what arrives.
#pragma once

#include <cstdint>
#include <string>

#include "config/schema.hpp"
#include "config/schema/strategies.hpp"

namespace freshet::config {

struct teacher_settings {
  std::string kind = "model";
  std::string model = "models/scenes/teacher";
  std::string chat_template = "auto";
  double temperature = 0.1;
  double top_p = 0.75;
  std::uint32_t top_k_logits = 8;
  std::uint32_t batch = 16;
  std::uint64_t seed = 1;

  static void describe(schema<teacher_settings>& s) {
    s.setting("kind", &teacher_settings::kind, "Who labels.")
        .one_of({{"model", "a model of its own"},
                 {"self", "nobody: the device's own answers come back as labels (self-training)"}});
    s.setting("model", &teacher_settings::model,
              "Folder of the teacher in Hugging Face layout. Not read by kind \"self\".");
    s.setting("chat_template", &teacher_settings::chat_template,
              "How the teacher is asked: the text around picture, question and answer.")
        .one_of(chat_template_choices());
    s.setting("temperature", &teacher_settings::temperature,
              "Of the sampled answers; 0 always takes the most probable word.")
        .between(0.0, 10.0);
    s.setting("top_p", &teacher_settings::top_p,
              "Answers are sampled from the most probable words that together hold this much probability.")
        .between(0.01, 1.0)
        .unit("share");
    s.setting("top_k_logits", &teacher_settings::top_k_logits,
              "Logits returned with each answer position for logit distillation; the rest is one remaining mass.")
        .between(1, 1024)
        .unit("logits");
    s.setting("batch", &teacher_settings::batch, "Samples labelled in one forward pass.")
        .between(1, 1024)
        .unit("samples");
    s.setting("seed", &teacher_settings::seed, "Draws of sampled answers.");
    s.rule([](const teacher_settings& t) -> std::optional<conflict> {
      if (t.kind == "model" && t.model.empty()) return conflict{"model", "\"\": name the folder of the teacher"};
      return std::nullopt;
    });
  }
};

}  // namespace freshet::config
