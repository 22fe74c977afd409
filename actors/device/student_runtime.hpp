// The student as a device runs it: a checkpoint with its adapter, answering questions about pictures (or, where it is
// a decoder alone, questions of text) in batches, its trainable values swapped between two of them.
// Ownership: owns its model. Thread contract: one thread at a time; hold no gradient.
// Shapes: n questions, L patches a picture of P bytes (none of text), D decoder width, A answer positions, V words.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/host_tensor.hpp"
#include "kernels/base/ids.hpp"
#include "kernels/base/result.hpp"
#include "kernels/delta/layout.hpp"
#include "kernels/model/lora.hpp"
#include "kernels/scenes/image.hpp"

namespace freshet::actors {

struct student_options {
  std::filesystem::path model;   ///< checkpoint folder in Hugging Face's layout, tokenizer included
  model::lora_spec lora;
  std::int64_t max_new_tokens = 8;
  std::string chat_template = "auto";   ///< a name, or "auto" for the folder's own
};

/// A picture, if the student looks at any, and a question that it can read: made by student_runtime::prepare.
struct prepared_question {
  std::vector<std::uint8_t> patches;   ///< [L, P]
  std::vector<std::int32_t> prompt;
};

/// What an answer leaves behind besides its text; each costs time and memory.
struct wanted_extras {
  bool patches = true;
  bool features = true;
  bool logits = true;
  bool relevance = true;
  bool encoded = false;
};

/// Tensors that were not wanted are empty, and of text alone all but the logits.
struct answered_batch {
  std::vector<std::string> answers;      ///< [n]
  std::vector<std::uint32_t> lengths;    ///< [n] tokens generated, end token included
  host_tensor patches;                   ///< u8 [n, L, P]
  host_tensor features;                  ///< f32 [n, L, D] visual tokens that the decoder read
  host_tensor encoded;                   ///< f32 [n, L, F] what the vision tower made of each token's patches
  host_tensor logits;                    ///< f32 [n, A, V] raw; zeros behind the end of an answer
  host_tensor relevance;                 ///< f32 [n, L] attention of the first answer position
};

class student_runtime {
 public:
  /// Loads and checks the folder. Errors name it and what does not fit.
  static result<student_runtime> load(const student_options& options);

  student_runtime(student_runtime&&) noexcept;
  student_runtime& operator=(student_runtime&&) noexcept;
  ~student_runtime();

  [[nodiscard]] content_hash line() const;
  /// Of the vision tower (model/encoder_hash.hpp), where that is frozen; else 0.
  [[nodiscard]] content_hash encoder() const;
  [[nodiscard]] const delta::layout& layout() const;
  /// f32 [N] the values of version 0.
  [[nodiscard]] const host_tensor& base_values() const;
  /// f32 [N] what answers now.
  [[nodiscard]] const host_tensor& values() const;
  /// Whether these are the values of version 0, bit for bit.
  [[nodiscard]] bool at_base() const;
  /// Takes values f32 [N] for all answers from now on. On an error nothing has changed.
  result<void> write(const host_tensor& values);
  /// Values are finite and a fixed question, about a fixed picture if it looks at any, gives finite logits.
  [[nodiscard]] result<void> self_test() const;

  /// Brings picture and question into the model's form; the picture is resampled to its size. It is empty for a student
  /// that reads text only, and for no other.
  /// Errors are those of scenes/skip_counter.hpp.
  [[nodiscard]] result<prepared_question> prepare(const scenes::image& picture, std::string_view question) const;

  /// Greedy answers. The batch is padded to the next power of two, and at least one question must be
  /// given. Same values, same questions, same bytes.
  [[nodiscard]] answered_batch answer(const std::vector<prepared_question>& asked, const wanted_extras& wanted) const;

  /// An answer as the student would spell it: for comparison with answers of a source.
  [[nodiscard]] std::string spelled(std::string_view answer) const;

  /// An independent copy with the values of version 0.
  [[nodiscard]] student_runtime frozen_copy() const;

 private:
  struct parts;
  explicit student_runtime(std::unique_ptr<parts> p);
  std::unique_ptr<parts> parts_;
};

}  // namespace freshet::actors
