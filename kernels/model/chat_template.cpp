#include "kernels/model/chat_template.hpp"

#include "kernels/model/strict_json.hpp"
#include "kernels/model/whole_file.hpp"

#include <algorithm>
#include <optional>

namespace freshet::model {
namespace {

using nlohmann::json;

constexpr std::size_t most_template_bytes = std::size_t{16} << 20;

// As the families' published chat templates and model cards write one picture with one question.
const std::vector<chat_template>& built_in() {
  static const std::vector<chat_template> all{
      {"llava-1.5", "USER: ", "\n", " ASSISTANT:", " ", ""},
      {"vicuna", "USER: ", "\n", " ASSISTANT:", " ", ""},
      {"llava-interleave", "<|im_start|>user ", "\n", "<|im_end|><|im_start|>assistant\n", "", "<|im_end|>"},
      {"chatml", "<|im_start|>user\n", "\n", "<|im_end|>\n<|im_start|>assistant\n", "", "<|im_end|>"},
      {"qwen2-vl",
       "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n<|vision_start|>", "<|vision_end|>",
       "<|im_end|>\n<|im_start|>assistant\n", "", "<|im_end|>"},
      {"smolvlm", "<|im_start|>User:<fake_token_around_image><global-img>", "<fake_token_around_image>",
       "<end_of_utterance>\nAssistant:", " ", "<end_of_utterance>"},
      {"idefics3", "<|begin_of_text|>User:<fake_token_around_image><global-img>", "<fake_token_around_image>",
       "<end_of_utterance>\nAssistant:", " ", "<end_of_utterance>"},
      {"llama-2", "[INST] ", "\n", " [/INST]", " ", ""},
      {"llama-3", "<|start_header_id|>user<|end_header_id|>\n\n", "\n",
       "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n", "", "<|eot_id|>"},
      {"plain", "", "", "", "", ""},
  };
  return all;
}

/// The special tokens that a template writes: <...> without a space inside.
std::vector<std::string> tokens_of(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t at = text.find('<'); at != std::string::npos; at = text.find('<', at + 1)) {
    const std::size_t end = text.find('>', at);
    if (end == std::string::npos) break;
    const std::string token = text.substr(at, end + 1 - at);
    if (token.find_first_of(" \n") == std::string::npos) out.push_back(token);
  }
  return out;
}

/// The begin token, where the tokenizer puts one before every text.
std::vector<std::int32_t> begin_of(const tokenizer& words) {
  const auto around = words.encode_with_specials("", text_frame::whole);
  const auto bos = words.specials().bos;
  if (!bos || around.empty() || around.front() != *bos) return {};
  return {*bos};
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

result<std::optional<json>> read(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::optional<json>();
  FRESHET_TRY_ASSIGN(const std::string text, read_whole_file(path, most_template_bytes));
  FRESHET_TRY_ASSIGN(json document, parse_json(text, path.string()));
  return std::optional<json>(std::move(document));
}

/// The "chat_template" of a file: a text, or a list of named ones, of which `default` counts.
std::string template_text(const json& document) {
  if (!document.is_object() || !document.contains("chat_template")) return {};
  const json& value = document["chat_template"];
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return {};
  for (const json& item : value) {
    if (!item.is_object() || item.value("name", json()) != "default") continue;
    const json text = item.value("template", json());
    if (text.is_string()) return text.get<std::string>();
  }
  return {};
}

std::string by_model_type(const json& config, bool own_words) {
  if (!config.is_object() || own_words) return {};
  const json type = config.value("model_type", json());
  const json text = config.contains("text_config") && config["text_config"].is_object()
                        ? config["text_config"].value("model_type", json())
                        : json();
  if (type == "smolvlm") return "smolvlm";
  if (type == "idefics3") return "idefics3";
  if (type == "qwen2_vl") return "qwen2-vl";
  if (type == "llava") return text == "qwen2" ? "llava-interleave" : "llava-1.5";
  return {};
}

}  // namespace

std::vector<std::string> chat_template_names() {
  std::vector<std::string> out;
  for (const chat_template& t : built_in()) out.push_back(t.name);
  return out;
}

result<chat_template> find_chat_template(std::string_view name) {
  std::string names;
  for (const chat_template& t : built_in()) {
    if (t.name == name) return t;
    names += (names.empty() ? "" : ", ") + t.name;
  }
  return error{errc::not_found, "chat template " + in_quotes(name) + ": one of " + names};
}

result<prompt_frame> make_frame(const chat_template& from, const tokenizer& words) {
  for (const std::string* text : {&from.before_picture, &from.after_picture, &from.after_question, &from.after_answer}) {
    for (const std::string& token : tokens_of(*text)) {
      if (words.find_token(token)) continue;
      return error{errc::unsupported, "chat template " + in_quotes(from.name) + ": the tokenizer has no token " +
                                          in_quotes(token) + ", which it needs"};
    }
  }
  prompt_frame frame;
  frame.before_picture = begin_of(words);
  // Idefics3's template writes the begin token itself.
  const auto before = words.encode_prompt({{from.before_picture, true}}, true);
  const bool twice = !frame.before_picture.empty() && !before.empty() && before.front() == frame.before_picture.front();
  frame.before_picture.insert(frame.before_picture.end(), before.begin() + (twice ? 1 : 0), before.end());
  frame.after_answer = words.encode_prompt({{from.after_answer, true}}, false);
  if (frame.after_answer.empty() && words.specials().eos) frame.after_answer.push_back(*words.specials().eos);
  if (frame.after_answer.empty()) {
    return error{errc::unsupported, "chat template " + in_quotes(from.name) +
                                        ": nothing ends an answer; the tokenizer names no eos_token and the template none"};
  }
  return frame;
}

std::vector<std::int32_t> question_ids(const chat_template& from, const tokenizer& words, std::string_view question) {
  return words.encode_prompt({{from.after_picture, true}, {question, false}, {from.after_question, true}}, false);
}

std::vector<std::int32_t> answer_ids(const chat_template& from, const tokenizer& words, std::string_view answer) {
  const auto prompt = words.encode_prompt({{from.after_question, true}}, false);
  const std::string text = from.answer_lead + std::string(answer);
  auto ids = words.encode_prompt({{from.after_question, true}, {text, false}}, false);
  const bool goes_on = ids.size() >= prompt.size() && std::equal(prompt.begin(), prompt.end(), ids.begin());
  // Where the answer's first letters join the prompt's last word it is read on its own, as generation would begin it.
  ids = goes_on ? std::vector<std::int32_t>(ids.begin() + static_cast<std::ptrdiff_t>(prompt.size()), ids.end())
                : words.encode_prompt({{text, false}}, false);
  if (!from.after_answer.empty()) {
    const auto end = words.encode_prompt({{from.after_answer, true}}, false);
    ids.insert(ids.end(), end.begin(), end.end());
  } else if (words.specials().eos) {
    ids.push_back(*words.specials().eos);
  }
  return ids;
}

std::string recognise_chat_template(std::string_view jinja) {
  if (contains(jinja, "<end_of_utterance>")) return contains(jinja, "<|begin_of_text|>") ? "idefics3" : "smolvlm";
  if (contains(jinja, "<|vision_start|>")) return "qwen2-vl";
  if (contains(jinja, "<|start_header_id|>")) return "llama-3";
  if (contains(jinja, "[INST]")) return "llama-2";
  if (contains(jinja, "ASSISTANT:")) return "llava-1.5";
  if (!contains(jinja, "<|im_start|>")) return {};
  return contains(jinja, "'<|im_start|>' + message['role'] + ' '") ? "llava-interleave" : "chatml";
}

result<chosen_template> choose_chat_template(const std::filesystem::path& folder) {
  std::error_code ignored;
  std::string source;
  std::string jinja;
  if (const auto file = folder / "chat_template.jinja"; std::filesystem::exists(file, ignored)) {
    FRESHET_TRY_ASSIGN(jinja, read_whole_file(file, most_template_bytes));
    source = file.string();
  }
  for (const char* name : {"chat_template.json", "processor_config.json", "tokenizer_config.json"}) {
    if (!jinja.empty()) break;
    FRESHET_TRY_ASSIGN(const auto document, read(folder / name));
    if (!document) continue;
    jinja = template_text(*document);
    source = (folder / name).string();
  }
  std::string name = recognise_chat_template(jinja);
  std::string why = "recognised in " + source;
  if (name.empty()) {
    FRESHET_TRY_ASSIGN(const auto config, read(folder / "config.json"));
    const bool own_words = std::filesystem::exists(folder / "freshet_tokenizer.json", ignored);
    if (config && jinja.empty()) name = by_model_type(*config, own_words);
    why = "by model_type in " + (folder / "config.json").string();
    if (name.empty()) {
      name = "plain";
      why = own_words ? "a model with words of our own"
            : jinja.empty()
                ? folder.string() + ": no chat template there, and none goes with its model_type; questions go in as they are"
                : source + ": a chat template that is not built in; questions go in as they are, unless one is named";
    }
  }
  FRESHET_TRY_ASSIGN(chat_template used, find_chat_template(name));
  return chosen_template{std::move(used), std::move(why)};
}

}  // namespace freshet::model
