// A tokenizer that asks as its model was taught to be asked: with the text of a chat template around picture,
// question and answer.
// Thread contract: as tokenizer: immutable, use from anywhere.
#pragma once

#include "kernels/model/chat_template.hpp"
#include "kernels/model/tokenizer.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace freshet::model {

/// Chooses by the model folder itself (choose_chat_template).
inline constexpr std::string_view choose_template = "auto";

struct asking_tokenizer {
  std::shared_ptr<const tokenizer> words;
  std::string template_name;
  std::string why;   ///< one sentence for people: where the template comes from
};

/// The tokenizer of a model folder, asking by the template of that name, or by its own with "auto". `plain` asks
/// with nothing around the question. Errors: those of load_tokenizer, find_chat_template and make_frame, with the
/// folder's name.
result<asking_tokenizer> load_asking_tokenizer(const std::filesystem::path& folder,
                                               std::string_view template_name = choose_template);

/// tokenizer::frame_text of that, for what needs the line and no words. A folder without a tokenizer runs nowhere: its
/// line is that of a model that is asked plainly.
result<std::string> frame_text_of(const std::filesystem::path& folder, std::string_view template_name);

/// errc::unsupported when what stands around a question has a token that a model of so many words lacks.
result<void> check_frame(const tokenizer& words, std::int64_t vocab_size);

/// `words` asking by a template; errc::unsupported when it lacks a token that the template needs.
result<std::shared_ptr<const tokenizer>> with_template(std::shared_ptr<const tokenizer> words, chat_template used);

}  // namespace freshet::model
