#include "actors/distiller/labelled_samples.hpp"

#include "actors/kept_tokens.hpp"
#include "kernels/distill/qa_batch.hpp"
#include "kernels/uncertainty/token_mask.hpp"

namespace freshet::actors {
namespace {

/// Rows [from, from + rows) of a f32 [all, width] tensor, as a tensor of their own.
host_tensor rows_of(const host_tensor& all, std::size_t from, std::size_t rows) {
  const auto width = static_cast<std::size_t>(all.shape().at(1));
  const float* first = all.as<float>() + from * width;
  return host_tensor::copy_of(dtype::f32, {static_cast<std::int64_t>(rows), all.shape().at(1)}, first);
}

bool holds_rows(const host_tensor& t, std::size_t rows) {
  return t.type() == dtype::f32 && t.shape().size() == 2 && t.shape()[0] == static_cast<std::int64_t>(rows) &&
         t.shape()[1] > 0;
}

}  // namespace

result<labelled_samples> read_labels(const topology::labelled_batch& batch,
                                     const std::optional<model::vision_config>& vision, const model::tokenizer& words,
                                     const labelling_options& options) {
  const topology::uts_batch& b = batch.batch;
  if (batch.labels.size() != b.samples.size()) {
    return error{errc::shape_mismatch, std::to_string(batch.labels.size()) + " labels for " +
                                           std::to_string(b.samples.size()) + " samples"};
  }
  labelled_samples out;
  if (b.samples.empty()) return out;
  const auto cells = static_cast<std::size_t>(vision ? vision->cells() : 0);
  const bool as_features = !carries_patches(b);
  if (as_features) FRESHET_TRY(check_encoder(b, options.encoder, "student"));
  const auto width = static_cast<std::size_t>(vision ? (as_features ? vision->cell_features() : vision->cell_values()) : 0);
  if (b.token_bytes != width || b.tokens_per_sample != cells) {
    return error{errc::shape_mismatch, std::to_string(b.tokens_per_sample) + " tokens of " + std::to_string(b.token_bytes) +
                                           " bytes a sample; the student reads " + std::to_string(cells) + " of " +
                                           std::to_string(width)};
  }
  const auto kept_total = static_cast<std::size_t>(kept_tokens_of(b));
  FRESHET_TRY_ASSIGN(const std::vector<std::uint8_t> tokens, unpack_tokens(b));
  const float* scales = as_features ? b.scales.as<float>() : nullptr;
  std::size_t answers_total = 0;
  for (const auto& l : batch.labels) answers_total += l.answer_tokens.size();
  const bool with_visual = kept_total > 0 && holds_rows(batch.teacher_visual, kept_total);
  const bool with_hidden = holds_rows(batch.teacher_hidden, answers_total);

  std::size_t row = 0;
  std::size_t answer_row = 0;
  for (std::size_t i = 0; i < b.samples.size(); ++i) {
    const topology::uts_sample& s = b.samples[i];
    const topology::teacher_label& label = batch.labels[i];
    FRESHET_TRY_ASSIGN(const auto kept, uncertainty::kept_tokens(s.kept, b.tokens_per_sample));
    if (kept.size() != s.kept_count) return error{errc::corrupt, "bitmap and count of kept tokens disagree"};
    const std::size_t first_row = row;
    const std::size_t first_answer = answer_row;
    row += kept.size();
    answer_row += label.answer_tokens.size();
    // A product of probabilities, up to rounding; anything else says nothing.
    const bool probable = label.confidence >= 0 && label.confidence <= 1.001F;
    if (probable) out.confidence_sum += label.confidence;
    const bool shown = !kept.empty() || cells == 0;
    if (!shown || !probable || label.confidence < options.confidence_floor) {
      ++out.unsure;
      continue;
    }
    auto sample = std::make_shared<distill::labelled_sample>();
    (as_features ? sample->features : sample->patches) = host_tensor::copy_of(
        as_features ? dtype::i8 : dtype::u8, {static_cast<std::int64_t>(kept.size()), static_cast<std::int64_t>(width)},
        tokens.data() + first_row * width);
    if (as_features) sample->feature_scales.assign(scales + first_row, scales + first_row + kept.size());
    sample->positions.assign(kept.begin(), kept.end());
    sample->prompt = distill::prompt_tokens(words, s.question);
    sample->answer = distill::answer_tokens(words, label.answer);
    if (sample->prompt.empty() || sample->answer.size() < 2) {
      ++out.unsure;  // nothing was asked or nothing was said
      continue;
    }
    sample->weight = label.confidence;
    const std::size_t positions = label.rest_mass.size();
    const bool same_tokens = options.shared_vocabulary && label.answer_tokens == sample->answer;
    if (same_tokens && positions == sample->answer.size() && label.topk_ids.size() == label.topk_logits.size() &&
        label.topk_ids.size() % positions == 0) {
      bool inside = true;
      for (std::int32_t id : label.topk_ids) inside = inside && id >= 0 && id < words.vocab_size();
      if (inside) {
        sample->topk_ids = label.topk_ids;
        sample->topk_log_probs = label.topk_logits;
        sample->rest_mass = label.rest_mass;
      }
    }
    if (with_visual) sample->teacher_visual = rows_of(batch.teacher_visual, first_row, kept.size());
    if (with_hidden && same_tokens) {
      sample->teacher_hidden = rows_of(batch.teacher_hidden, first_answer, label.answer_tokens.size());
    }
    out.samples.push_back(std::move(sample));
  }
  return out;
}

}  // namespace freshet::actors
