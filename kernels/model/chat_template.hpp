// How a model wants to be asked: the text around picture, question and answer, by name. No Jinja: the templates of
// the supported families are built in, and any other can be given as its strings.
// Thread contract: plain values; free functions without state.
#pragma once

#include "kernels/base/result.hpp"
#include "kernels/model/tokenizer.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace freshet::model {

/// Special tokens are written as their text. Where the picture's own tokens stand, nothing stands here.
struct chat_template {
  std::string name;
  std::string before_picture;  ///< the begin token, where the model has one, goes before it by itself
  std::string after_picture;   ///< up to the question
  std::string after_question;  ///< up to where the answer begins
  std::string answer_lead;     ///< what answers begin with: the space after "ASSISTANT:"
  std::string after_answer;    ///< ends an answer; </s> and its kin where it is empty
};

/// llava-1.5 (also vicuna), llava-interleave, chatml, qwen2-vl, smolvlm, idefics3, llama-2, llama-3, plain.
[[nodiscard]] std::vector<std::string> chat_template_names();
/// errc::not_found lists the names that there are.
result<chat_template> find_chat_template(std::string_view name);

/// A template in ids of one tokenizer.
struct prompt_frame {
  std::vector<std::int32_t> before_picture;
  std::vector<std::int32_t> after_answer;  ///< the first of them ends generation
};

/// errc::unsupported when the tokenizer lacks a special token of the template, or any end token.
result<prompt_frame> make_frame(const chat_template& from, const tokenizer& words);

/// From the picture to where the answer begins, as the reference tokenizes it in one go: where a tokenizer joins
/// text over the edges of the question, this is not frame + encode(question) + frame.
[[nodiscard]] std::vector<std::int32_t> question_ids(const chat_template& from, const tokenizer& words,
                                                     std::string_view question);
/// The answer with its end, as it goes on after question_ids; make_frame must have taken the template.
[[nodiscard]] std::vector<std::int32_t> answer_ids(const chat_template& from, const tokenizer& words,
                                                   std::string_view answer);

struct chosen_template {
  chat_template used;
  std::string why;  ///< one sentence for people
};

/// The template of a model folder: by the text of its Jinja template (chat_template.jinja, chat_template.json,
/// processor_config.json, tokenizer_config.json), else by model_type in config.json, else `plain`, and `why` says so.
result<chosen_template> choose_chat_template(const std::filesystem::path& folder);
/// The name for a Jinja template's text; empty when it is none that is built in.
[[nodiscard]] std::string recognise_chat_template(std::string_view jinja);

}  // namespace freshet::model
