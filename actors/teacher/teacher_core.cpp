#include "actors/teacher/teacher_core.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "actors/kept_tokens.hpp"
#include "kernels/distill/qa_batch.hpp"
#include "kernels/model/encoder_hash.hpp"
#include "kernels/model/generate.hpp"
#include "kernels/model/patches.hpp"
#include "kernels/uncertainty/token_mask.hpp"

namespace freshet::actors {

using topology::token_format;

namespace {
// A device names its grid; what it kept of it may be little, and the picture is made whole.
constexpr std::int64_t most_picture_side = 1536;
}  // namespace

teacher_core::teacher_core(teacher_options options, std::shared_ptr<const model::multimodal> model,
                           std::shared_ptr<const model::tokenizer> words)
    : options_(std::move(options)),
      model_(std::move(model)),
      words_(std::move(words)),
      draw_(rng(options_.seed).split("teacher")) {
  FRESHET_ENSURE(options_.kind == teacher_kind::self || (model_ && words_), "teacher: no model");
}

void teacher_core::start(time_point, outbox& out) {
  out.log(log_level::info, options_.kind == teacher_kind::self
                               ? std::string("labels are the devices' own answers")
                               : "teacher of " + std::to_string(model_->weights().count_values()) + " parameters");
}

void teacher_core::handle(const topology::address& from, const topology::any_message& m, time_point, outbox& out) {
  if (const auto* request = std::get_if<topology::label_request>(&m)) {
    job j;
    j.request = *request;
    jobs_.push_back(std::move(j));
    return;
  }
  if (std::holds_alternative<topology::error_reply>(m) || std::holds_alternative<topology::stop_request>(m)) return;
  out.send(from, topology::error_reply{static_cast<std::uint8_t>(errc::unsupported),
                                       "teacher does not take " + std::string(topology::name_of(m)), 0});
}

void teacher_core::tick(time_point, outbox&) {}

result<void> teacher_core::open(job& j) {
  const topology::uts_batch& b = j.request.batch;
  j.out.lease = j.request.lease;
  j.out.entry = j.request.entry;
  j.out.batch = b;
  j.opened = true;
  // Some only end a tick, some are text alone.
  return b.samples.empty() || b.tokens_per_sample == 0 ? result<void>() : open_pictures(j);
}

result<void> teacher_core::open_pictures(job& j) {
  if (options_.kind == teacher_kind::model) {
    if (!model_->config().vision) {
      return error{errc::unsupported, "pictures, and the teacher is a decoder alone, which reads text only"};
    }
    FRESHET_TRY(carries_patches(j.request.batch) ? open_pixels(j) : open_features(j));
  }
  // Last: of what does not fit, the pixels need not be made.
  FRESHET_TRY_ASSIGN(j.tokens, unpack_tokens(j.request.batch));
  return {};
}

result<void> teacher_core::open_pixels(job& j) const {
  const topology::uts_batch& b = j.request.batch;
  j.grid = model::grid_of(b.tokens_per_sample, b.token_bytes);
  if (j.grid.side() == 0) {
    return error{errc::shape_mismatch, "batch of " + std::to_string(b.tokens_per_sample) + " tokens of " +
                                           std::to_string(b.token_bytes) + " bytes: no square of square cells of three channels"};
  }
  if (j.grid.side() > most_picture_side) {
    return error{errc::too_large, "cells that make a picture of " + std::to_string(j.grid.side()) + " pixels a side, at most " +
                                      std::to_string(most_picture_side) + " are taken"};
  }
  if (j.grid != grid() && options_.send_features) {
    return error{errc::unsupported, "cells of " + std::to_string(j.grid.cell_size) + " pixels, and the teacher reads cells of " +
                                        std::to_string(grid().cell_size) +
                                        ": between two grids features do not compare; set visual_qkd and hidden_qkd to 0"};
  }
  return {};
}

result<void> teacher_core::open_features(const job& j) {
  const topology::uts_batch& b = j.request.batch;
  // Reads all of the tower, so not before somebody sends features. Then it is known for good: features that were accepted
  // are labelled even if filters send pixels by now.
  if (!encoder_) encoder_ = model::encoder_hash(*model_);
  FRESHET_TRY(check_encoder(b, *encoder_, "teacher"));
  const model::vision_config& v = *model_->config().vision;
  if (b.tokens_per_sample != v.cells() || b.token_bytes != v.cell_features()) {
    return error{errc::shape_mismatch, std::to_string(b.tokens_per_sample) + " tokens of " + std::to_string(b.token_bytes) +
                                           " features; the teacher's tower makes " + std::to_string(v.cells()) + " of " +
                                           std::to_string(v.cell_features())};
  }
  return {};
}

model::picture_grid teacher_core::grid() const {
  const model::vision_config& v = *model_->config().vision;
  return {v.cell_grid(), v.cell_size()};
}

void teacher_core::answer_self(job& j) {
  for (const auto& s : j.request.batch.samples) {
    topology::teacher_label label;
    label.answer = s.device_answer;
    label.confidence = 1;  // nobody is there to doubt it
    confidence_sum_ += label.confidence;
    j.out.labels.push_back(std::move(label));
  }
  j.next = j.request.batch.samples.size();
}

result<teacher_core::slice> teacher_core::read_slice(const job& j, std::size_t count) const {
  const topology::uts_batch& batch = j.request.batch;
  const bool pictures = batch.tokens_per_sample > 0;
  slice out;
  out.next_token = j.next_token;
  std::vector<std::vector<std::int64_t>> all_kept;
  for (std::size_t i = 0; i < count; ++i) {
    const auto& s = batch.samples[j.next + i];
    FRESHET_TRY_ASSIGN(const auto kept, uncertainty::kept_tokens(s.kept, batch.tokens_per_sample));
    if (kept.size() != s.kept_count || kept.empty() == pictures) {
      return error{errc::corrupt, "sample " + std::to_string(s.position.value) + ": bitmap and count disagree"};
    }
    all_kept.emplace_back(kept.begin(), kept.end());
    out.next_token += kept.size();
    out.prompts.push_back(distill::prompt_tokens(*words_, s.question));
    if (out.prompts.back().empty()) return error{errc::corrupt, "sample without a question"};
  }
  if (!pictures) return out;
  if (carries_patches(batch)) {
    read_cells(out, j, all_kept);
  } else {
    read_features(out, j, all_kept);
  }
  return out;
}

void teacher_core::read_cells(slice& to, const job& j, const std::vector<std::vector<std::int64_t>>& kept) const {
  const auto sent_width = static_cast<std::size_t>(j.request.batch.token_bytes);
  const std::int64_t width = 3 * grid().cell_size * grid().cell_size;
  const std::uint8_t* sent = j.tokens.data() + j.next_token * sent_width;
  std::vector<model::kept_cells> read;
  std::vector<std::vector<std::int64_t>> places;
  for (const auto& positions : kept) {
    const std::size_t bytes = positions.size() * sent_width;
    read.push_back(j.grid == grid() ? model::kept_cells{{sent, sent + bytes}, positions}
                                    : model::regrid(sent, positions, j.grid, grid()));
    places.push_back(read.back().positions);
    sent += bytes;
  }
  to.cells = model::places_of(places);
  const std::int64_t longest = to.cells.positions.size(1);
  at::Tensor pixels = at::zeros({static_cast<std::int64_t>(kept.size()), longest, width}, at::kByte);
  for (std::size_t i = 0; i < read.size(); ++i) {
    std::copy(read[i].patches.begin(), read[i].patches.end(),
              pixels.data_ptr<std::uint8_t>() + static_cast<std::int64_t>(i) * longest * width);
  }
  to.cells.patches = model::normalise_patches(pixels, model_->config().vision->pixels);
}

void teacher_core::read_features(slice& to, const job& j, const std::vector<std::vector<std::int64_t>>& kept) const {
  const auto width = static_cast<std::int64_t>(j.request.batch.token_bytes);
  const float* scale = j.request.batch.scales.as<float>() + j.next_token;
  const std::uint8_t* level = j.tokens.data() + static_cast<std::int64_t>(j.next_token) * width;
  to.cells = model::places_of(kept);
  const std::int64_t longest = to.cells.positions.size(1);
  to.features = at::zeros({static_cast<std::int64_t>(kept.size()), longest, width});
  for (std::size_t i = 0; i < kept.size(); ++i) {
    float* row = to.features.data_ptr<float>() + static_cast<std::int64_t>(i) * longest * width;
    for (std::size_t k = 0; k < kept[i].size(); ++k, ++scale) {
      for (std::int64_t f = 0; f < width; ++f) *row++ = static_cast<float>(static_cast<std::int8_t>(*level++)) * *scale;
    }
  }
}

result<void> teacher_core::answer_slice(job& j) {
  const at::NoGradGuard no_grad;
  const auto& samples = j.request.batch.samples;
  const std::size_t count = std::min(options_.slice_samples, samples.size() - j.next);
  const auto n = static_cast<std::int64_t>(count);
  FRESHET_TRY_ASSIGN(const slice asked, read_slice(j, count));
  const at::Tensor visual = asked.features.defined()        ? model_->tokens_of(asked.features)
                            : asked.cells.patches.defined() ? model_->visual_tokens(asked.cells)
                                                            : model_->no_picture(n);
  model::generation_options generation;
  generation.max_new_tokens = options_.max_new_tokens;
  generation.temperature = options_.temperature;
  generation.top_p = options_.top_p;
  const model::generated answers =
      model::generate(*model_, visual, asked.cells.valid, asked.prompts, generation, &draw_, asked.cells.positions);

  const at::Tensor log_probs = at::log_softmax(answers.logits, -1).contiguous();
  const auto k = static_cast<std::int64_t>(std::min<std::size_t>(options_.top_k, static_cast<std::size_t>(log_probs.size(2))));
  const auto top = log_probs.topk(std::max<std::int64_t>(k, 1), -1);
  const at::Tensor top_values = std::get<0>(top).contiguous();
  const at::Tensor top_ids = std::get<1>(top).contiguous();
  for (std::int64_t i = 0; i < n; ++i) {
    const auto& tokens = answers.tokens[static_cast<std::size_t>(i)];
    topology::teacher_label label;
    label.answer = words_->answer_text(tokens);
    label.answer_tokens = tokens;
    double log_confidence = 0;
    for (std::size_t a = 0; a < tokens.size(); ++a) {
      const auto step = static_cast<std::int64_t>(a);
      const float* values = top_values.data_ptr<float>() + (i * top_values.size(1) + step) * top_values.size(2);
      const std::int64_t* ids = top_ids.data_ptr<std::int64_t>() + (i * top_ids.size(1) + step) * top_ids.size(2);
      log_confidence += values[0];
      double mass = 0;
      for (std::int64_t t = 0; t < k; ++t) {
        label.topk_ids.push_back(static_cast<std::int32_t>(ids[t]));
        label.topk_logits.push_back(values[t]);
        mass += std::exp(static_cast<double>(values[t]));
      }
      if (k > 0) label.rest_mass.push_back(static_cast<float>(std::max(0.0, 1.0 - mass)));
    }
    label.confidence = static_cast<float>(std::exp(log_confidence));
    if (std::isfinite(label.confidence)) confidence_sum_ += label.confidence;
    if (options_.send_features) {
      const auto& s = samples[j.next + static_cast<std::size_t>(i)];
      const at::Tensor seen = visual[i].narrow(0, 0, s.kept_count).contiguous();
      const at::Tensor states = answers.hidden[i].narrow(0, 0, static_cast<std::int64_t>(tokens.size())).contiguous();
      j.visual.insert(j.visual.end(), seen.data_ptr<float>(), seen.data_ptr<float>() + seen.numel());
      j.hidden.insert(j.hidden.end(), states.data_ptr<float>(), states.data_ptr<float>() + states.numel());
    }
    j.out.labels.push_back(std::move(label));
  }
  j.next += count;
  j.next_token = asked.next_token;
  return {};
}

void teacher_core::finish(job& j, outbox& out) {
  const auto rows = [&](std::vector<float>& values) {
    const std::int64_t width = model_->config().text.hidden_size;
    const auto count = static_cast<std::int64_t>(values.size()) / width;
    return host_tensor::of(std::move(values), {count, width});
  };
  if (!j.visual.empty()) j.out.teacher_visual = rows(j.visual);
  if (!j.hidden.empty()) j.out.teacher_hidden = rows(j.hidden);
  answered_ += j.out.labels.size();
  out.send(options_.distiller, std::move(j.out));
}

bool teacher_core::work(time_point, outbox& out) {
  if (jobs_.empty()) return false;
  job& j = jobs_.front();
  result<void> done;
  if (!j.opened) done = open(j);
  if (done.ok() && j.next < j.request.batch.samples.size()) {
    if (options_.kind == teacher_kind::self) {
      answer_self(j);
    } else {
      const std::size_t before = j.next;
      done = answer_slice(j);
      out.spent_on("label", j.next - before);
    }
  }
  if (!done.ok()) {
    // A batch that cannot be read is given up: it would fail again. The pipeline's tick goes on.
    ++refused_;
    out.log(log_level::warn, "lease " + std::to_string(j.request.lease) + " refused: " + done.err().text());
    j.out = {};
    j.out.lease = j.request.lease;
    j.out.entry = j.request.entry;
    j.out.batch.device = j.request.batch.device;
    j.out.batch.tick = j.request.batch.tick;
    j.out.batch.end_of_tick = j.request.batch.end_of_tick;
    j.visual.clear();
    j.hidden.clear();
    j.request.batch.samples.clear();
    j.opened = true;
  }
  if (j.next < j.request.batch.samples.size()) return true;
  if (out.room(options_.distiller) == 0) {
    out.wake_after(std::chrono::milliseconds(5));
    return false;
  }
  finish(j, out);
  jobs_.pop_front();
  return !jobs_.empty();
}

std::uint32_t teacher_core::capacity(const topology::address&) const {
  return jobs_.size() >= options_.queue ? 0 : static_cast<std::uint32_t>(options_.queue - jobs_.size());
}

std::string teacher_core::stats_json() const {
  nlohmann::json s;
  s["answered"] = answered_;
  s["refused"] = refused_;
  s["queued"] = jobs_.size();
  s["mean_confidence"] = answered_ > 0 ? confidence_sum_ / static_cast<double>(answered_) : 0.0;
  return s.dump();
}

void teacher_core::stop(time_point, outbox&) {}

}  // namespace freshet::actors
