// TEACHER: answers what arrives with the large model. INTAKE sends label_requests; each becomes one
// labelled_batch for the DISTILLER. Missing tokens stay missing: they are not in its sequence. A batch of no tokens is
// text alone, which any model answers; one that is a decoder alone answers nothing else. Features of a vision tower are
// answered by a model with the same tower.
// With kind `self` there is no model: the device's own answers become the labels (self-training,
// the pseudo-label comparator).
// On overload it grants no credit beyond its queue; on shutdown unanswered leases expire at INTAKE.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "actors/role.hpp"
#include "kernels/base/rng.hpp"
#include "kernels/model/multimodal.hpp"
#include "kernels/model/regrid.hpp"
#include "kernels/model/tokenizer.hpp"

namespace freshet::actors {

enum class teacher_kind : std::uint8_t { model, self };

struct teacher_options {
  topology::address distiller;
  topology::address intake;
  teacher_kind kind = teacher_kind::model;
  double temperature = 0.1;       ///< of the answers (arXiv 2312.16279: 0.1)
  double top_p = 0.75;            ///< likewise
  std::size_t top_k = 8;          ///< logits that go along per answer position; 0 = none
  bool send_features = false;     ///< visual tokens and hidden states, for QKD
  std::size_t slice_samples = 16; ///< answered in one slice of work
  std::size_t queue = 32;         ///< requests
  std::int64_t max_new_tokens = 4;
  std::uint64_t seed = 1;
};

class teacher_core final : public role_core {
 public:
  /// `model` and `words` are shared and only read; null with kind `self`.
  teacher_core(teacher_options options, std::shared_ptr<const model::multimodal> model,
               std::shared_ptr<const model::tokenizer> words);

  void start(time_point now, outbox& out) override;
  void handle(const topology::address& from, const topology::any_message& m, time_point now, outbox& out) override;
  void tick(time_point now, outbox& out) override;
  bool work(time_point now, outbox& out) override;
  [[nodiscard]] std::uint32_t capacity(const topology::address& from) const override;
  [[nodiscard]] std::string stats_json() const override;
  void stop(time_point now, outbox& out) override;

 private:
  struct job {
    topology::label_request request;
    std::vector<std::uint8_t> tokens;   ///< [sum kept, P], or i8 [sum kept, F]: unpacked when the job starts
    topology::labelled_batch out;
    std::vector<float> visual, hidden;  ///< features, row by row
    std::size_t next = 0;               ///< first sample not answered yet
    std::size_t next_token = 0;         ///< its first row in `tokens`
    bool opened = false;
    model::picture_grid grid;           ///< of the student's cells; sides of 0 of text alone
  };
  /// The samples of one slice as the model sees them.
  struct slice {
    model::visual_input cells;                       ///< patches undefined of text alone and where there are features
    at::Tensor features;                             ///< f32 [N, K, F] of the tower, in their place
    std::vector<std::vector<std::int32_t>> prompts;
    std::size_t next_token = 0;                      ///< first row in `tokens` of the samples behind it
  };
  /// Of the teacher's own cells.
  [[nodiscard]] model::picture_grid grid() const;
  result<void> open(job& j);
  result<void> open_pictures(job& j);
  result<void> open_pixels(job& j) const;
  result<void> open_features(const job& j);
  [[nodiscard]] result<slice> read_slice(const job& j, std::size_t count) const;
  /// The sampled cells of a slice, as the model's tower reads them or as it has read them.
  void read_cells(slice& to, const job& j, const std::vector<std::vector<std::int64_t>>& kept) const;
  void read_features(slice& to, const job& j, const std::vector<std::vector<std::int64_t>>& kept) const;
  result<void> answer_slice(job& j);
  void answer_self(job& j);
  void finish(job& j, outbox& out);

  teacher_options options_;
  std::shared_ptr<const model::multimodal> model_;
  std::shared_ptr<const model::tokenizer> words_;
  rng draw_;
  std::optional<content_hash> encoder_;   ///< of the model's vision tower, once it was asked for
  std::deque<job> jobs_;
  std::uint64_t answered_ = 0;
  std::uint64_t refused_ = 0;
  double confidence_sum_ = 0;
};

}  // namespace freshet::actors
