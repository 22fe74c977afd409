// Settings of the DISTILLER (AKD): what the student learns from, how, and when a version is made.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/schema.hpp"
#include "config/schema/strategies.hpp"

namespace freshet::config {

/// The loss: a weighted sum; a weight of 0 switches a term off.
struct distiller_terms {
  double pseudo_label = 1.0;
  double visual_qkd = 0.0;
  double hidden_qkd = 0.0;
  double logit_kd = 1.0;
  double kd_temperature = 2.0;
  double confidence_floor = 0.5;
  std::string anchor = "l2sp";
  double anchor_weight = 0.01;

  static void describe(schema<distiller_terms>& s) {
    s.setting("pseudo_label", &distiller_terms::pseudo_label, "Weight of cross-entropy on the teacher's answers.")
        .between(0.0, 1000.0);
    s.setting("visual_qkd", &distiller_terms::visual_qkd,
              "Weight of wavelet distillation on visual tokens (arXiv 2312.16279).")
        .between(0.0, 1000.0)
        .example(1.0);
    s.setting("hidden_qkd", &distiller_terms::hidden_qkd, "The same on the decoder's final hidden states.")
        .between(0.0, 1000.0)
        .example(1.0);
    s.setting("logit_kd", &distiller_terms::logit_kd, "Weight of distillation on the teacher's logits.")
        .between(0.0, 1000.0);
    s.setting("kd_temperature", &distiller_terms::kd_temperature, "Temperature of logit distillation.")
        .between(0.1, 100.0);
    s.setting("confidence_floor", &distiller_terms::confidence_floor,
              "Labels of which the teacher is less sure do not count; above, they count by their confidence.")
        .between(0.0, 1.0)
        .unit("share");
    s.setting("anchor", &distiller_terms::anchor, "What keeps the student from drifting away.")
        .one_of(anchor_choices());
    s.setting("anchor_weight", &distiller_terms::anchor_weight, "Weight of the anchor.").between(0.0, 1000.0);
  }
};

struct distiller_settings {
  std::string student = "models/scenes/student";
  std::string chat_template = "auto";
  std::uint32_t lora_rank = 8;
  double lora_alpha = 16;
  std::vector<std::string> lora_targets = {"q_proj", "k_proj", "v_proj", "out_proj", "o_proj", "fc1", "fc2",
                                           "gate_proj", "up_proj", "down_proj", "linear_1", "linear_2", "conv",
                                           "patch_embedding"};
  bool train_vision = true;
  double learning_rate = 3e-3;
  double final_learning_rate = 5e-5;
  double weight_decay = 0.02;
  double clip = 2;
  double beta1 = 0.9;
  double beta2 = 0.95;
  std::uint32_t batch = 48;
  std::uint32_t micro_batch = 0;
  bool gradient_checkpointing = false;
  std::uint32_t steps_per_refresh = 12;
  std::uint32_t refresh_samples = 32;
  milliseconds refresh_interval = milliseconds(30'000);
  std::uint64_t recent_window = 128;
  std::uint64_t replay_capacity = 2048;
  double replay_share = 0.1;
  double source_replay_share = 0.4;
  bool source_logits = true;
  double agreement_to_sleep = 0;
  bool paused = false;
  std::uint64_t seed = 1;
  std::string state_dir;
  distiller_terms terms;

  static void describe(schema<distiller_settings>& s) {
    s.setting("student", &distiller_settings::student, "Folder of the student: the same as on the devices.")
        .check([](const std::string& folder) { return folder.empty() ? "name the folder of the student" : ""; });
    s.setting("chat_template", &distiller_settings::chat_template,
              "The same as on the devices: versions of students that are asked differently are of different lines.")
        .one_of(chat_template_choices());
    s.setting("lora_rank", &distiller_settings::lora_rank, "Rank of the LoRA adapters; part of the line.")
        .between(1, 1024);
    s.setting("lora_alpha", &distiller_settings::lora_alpha, "Their scale is this over the rank.").between(0.01, 4096.0);
    s.setting("lora_targets", &distiller_settings::lora_targets,
              "Linear layers and convolutions that get an adapter, by the end of their name. Norms and biases always learn.")
        .check([](const std::vector<std::string>& targets) { return targets.size() > 256 ? "at most 256 layers" : ""; })
        .example({"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"});
    s.setting("train_vision", &distiller_settings::train_vision,
              "Whether the vision tower learns too. If not it stays as it came, and a teacher with the same tower can read what "
              "it made of a picture: uplink_filter.format = \"features\". Part of the line.");
    s.setting("learning_rate", &distiller_settings::learning_rate, "Of AdamW, at the start of each refresh.")
        .between(0.0, 1.0);
    s.setting("final_learning_rate", &distiller_settings::final_learning_rate,
              "Where it ends, along a cosine, within a refresh.")
        .between(0.0, 1.0);
    s.setting("weight_decay", &distiller_settings::weight_decay, "Decoupled decay of AdamW.").between(0.0, 1.0);
    s.setting("clip", &distiller_settings::clip, "Gradients are scaled down to this norm; 0 leaves them.")
        .between(0.0, 1e6);
    s.setting("beta1", &distiller_settings::beta1, "AdamW's memory of the gradient.").between(0.0, 0.99999);
    s.setting("beta2", &distiller_settings::beta2, "AdamW's memory of its square.").between(0.0, 0.99999);
    s.setting("batch", &distiller_settings::batch, "Samples a step, replayed ones included.")
        .between(1, 4096)
        .unit("samples");
    s.setting("micro_batch", &distiller_settings::micro_batch,
              "Of those so many are computed at once, at most: memory grows with it, the result is the same up to rounding. 0 "
              "takes the whole batch at once; a student of half a billion parameters wants 1 or 2.")
        .between(0, 4096)
        .unit("samples");
    s.setting("gradient_checkpointing", &distiller_settings::gradient_checkpointing,
              "The way back of a step computes each layer once more instead of keeping it: a fraction of the memory, up to a "
              "third more time, the same result.");
    s.setting("steps_per_refresh", &distiller_settings::steps_per_refresh, "Optimiser steps that make a version.")
        .between(1, 100'000)
        .unit("steps");
    s.setting("refresh_samples", &distiller_settings::refresh_samples,
              "A refresh begins once so many new labels are in.")
        .between(1, 1'000'000)
        .unit("samples");
    s.setting("refresh_interval", &distiller_settings::refresh_interval,
              "It begins after this time with fewer, if there are any.")
        .between(milliseconds(100), milliseconds(7LL * 24 * 3600 * 1000));
    s.setting("recent_window", &distiller_settings::recent_window,
              "The newest labelled samples: what is left of a batch after replay is drawn from them.")
        .between(1, 10'000'000)
        .unit("samples");
    s.setting("replay_capacity", &distiller_settings::replay_capacity, "Labelled samples kept for replay.")
        .between(0, 10'000'000)
        .unit("samples");
    s.setting("replay_share", &distiller_settings::replay_share, "Share of a batch drawn from the replay.")
        .between(0.0, 1.0)
        .unit("share");
    s.setting("source_replay_share", &distiller_settings::source_replay_share,
              "Share of a batch drawn from the samples that came with the student: its first domain.")
        .between(0.0, 1.0)
        .unit("share");
    s.setting("source_logits", &distiller_settings::source_logits,
              "Those samples also carry the logits that the base student gave them, so that logit_kd holds it to what it "
              "said in its first domain.");
    s.setting("agreement_to_sleep", &distiller_settings::agreement_to_sleep,
              "A due refresh is put off while the student already agrees with this share of its labels; 0 never does.")
        .between(0.0, 1.0)
        .unit("share");
    s.setting("paused", &distiller_settings::paused,
              "The student stays as it is: no labels are taken, no version is made. Samples wait in the journal until it is "
              "full, then on the devices. `freshet pause` and `resume` set it.");
    s.setting("seed", &distiller_settings::seed, "Draws of batches and the start of the adapters.");
    s.setting("state_dir", &distiller_settings::state_dir,
              "Where student, optimiser and mirror are kept; empty for a folder of its own below the document's "
              "state_dir.")
        .example("/var/lib/freshet/distiller");
    s.table("terms", &distiller_settings::terms, "The loss. A weight of 0 switches a term off.");
    s.rule([](const distiller_settings& d) -> std::optional<conflict> {
      if (d.final_learning_rate > d.learning_rate)
        return conflict{"final_learning_rate", real_literal(d.final_learning_rate) + " is above learning_rate = " +
                                                   real_literal(d.learning_rate) + "; the rate only falls"};
      return std::nullopt;
    });
    s.rule([](const distiller_settings& d) -> std::optional<conflict> {
      if (d.replay_share + d.source_replay_share > 1.0)
        return conflict{"replay_share", real_literal(d.replay_share) + " and source_replay_share = " +
                                            real_literal(d.source_replay_share) +
                                            " together exceed 1; what is left of 1 is the share of new samples"};
      return std::nullopt;
    });
    s.rule([](const distiller_settings& d) -> std::optional<conflict> {
      const distiller_terms& t = d.terms;
      if (t.pseudo_label + t.visual_qkd + t.hidden_qkd + t.logit_kd <= 0)
        return conflict{"terms", "all of pseudo_label, visual_qkd, hidden_qkd and logit_kd are 0; the student would "
                                 "learn nothing"};
      return std::nullopt;
    });
  }
};

}  // namespace freshet::config
