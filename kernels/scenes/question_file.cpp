#include "kernels/scenes/question_file.hpp"

#include "kernels/scenes/skip_counter.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>

#include <nlohmann/json.hpp>

namespace freshet::scenes {
namespace {

using json = nlohmann::json;

/// Nesting beyond this is refused before the parser, which recurses when it frees values.
constexpr int max_depth = 16;

bool too_deep(std::string_view line) {
  int depth = 0;
  bool in_text = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (in_text && c == '\\') ++i;
    if (c == '"') in_text = !in_text;
    if (in_text) continue;
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') --depth;
    if (depth > max_depth) return true;
  }
  return false;
}

bool blank(std::string_view text) { return text.find_first_not_of(" \t\r\n\v\f") == std::string_view::npos; }

/// Relative, and never above its folder, whatever the file system holds.
bool is_safe(const std::string& path) {
  if (path.empty() || path.find('\0') != std::string::npos || path.find('\\') != std::string::npos) return false;
  const std::filesystem::path p(path);
  if (p.is_absolute() || p.has_root_path()) return false;
  for (const auto& part : p)
    if (part == "..") return false;
  return true;
}

error bad_line(const std::string& what) {
  return skip_error(skip_kind::bad_line, errc::corrupt,
                    what + R"(; expected {"image": "...", "question": "...", "answer": "..."}, without "image" where there is no picture)");
}

/// A text field: absent or null is no value; another type is an error.
result<std::optional<std::string>> text_field(const json& object, const char* key, const question_limits& limits) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return std::optional<std::string>{};
  if (!found->is_string()) return bad_line(std::string("\"") + key + "\" is not a text");
  const auto& text = found->get_ref<const std::string&>();
  if (text.size() > limits.max_text_bytes)
    return skip_error(skip_kind::oversized, errc::too_large,
                      std::string("\"") + key + "\" has " + std::to_string(text.size()) + " bytes, at most " +
                          std::to_string(limits.max_text_bytes) + " are read");
  return std::optional<std::string>(text);
}

error located(error e, const std::filesystem::path& path, std::size_t line) {
  // Behind the kind's name, which stays first.
  const auto colon = e.context.find(": ");
  e.context.insert(colon + 2, path.string() + ":" + std::to_string(line) + ": ");
  return e;
}

}  // namespace

result<question_line> parse_question_line(std::string_view line, const question_limits& limits) {
  if (line.size() > limits.max_line_bytes)
    return skip_error(skip_kind::oversized, errc::too_large,
                      "a line of " + std::to_string(line.size()) + " bytes, at most " +
                          std::to_string(limits.max_line_bytes) + " are read");
  if (too_deep(line)) return bad_line("nested too deeply");
  const json parsed = json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded()) return bad_line("not JSON");
  if (!parsed.is_object()) return bad_line("not a JSON object");

  FRESHET_TRY_ASSIGN(auto image, text_field(parsed, "image", limits));
  FRESHET_TRY_ASSIGN(auto question, text_field(parsed, "question", limits));
  FRESHET_TRY_ASSIGN(auto answer, text_field(parsed, "answer", limits));
  FRESHET_TRY_ASSIGN(auto domain, text_field(parsed, "domain", limits));
  if (!image && !question) return bad_line("neither \"image\" nor \"question\"");
  if (!question || blank(*question))
    return skip_error(skip_kind::empty_question, errc::invalid_argument, "no question" + (image ? " about " + *image : ""));
  if (answer && blank(*answer)) answer.reset();
  if (image && !is_safe(*image))
    return skip_error(skip_kind::unsafe_path, errc::invalid_argument,
                      "image \"" + *image + "\"; expected a path relative to the data folder, without ..");
  return question_line{std::move(image), std::move(*question), std::move(answer), std::move(domain)};
}

result<std::vector<result<question_line>>> read_question_file(const std::filesystem::path& path,
                                                              const question_limits& limits) {
  std::error_code status;
  if (!std::filesystem::is_regular_file(path, status)) return {errc::not_found, path.string() + ": no such file"};
  std::ifstream file(path, std::ios::binary);
  if (!file) return {errc::io, path.string() + ": " + std::strerror(errno)};

  std::vector<result<question_line>> lines;
  // Read in bounded pieces: a file without line breaks must not become one string.
  std::string line;
  std::vector<char> piece(64 << 10);
  std::size_t number = 0;
  const auto finish = [&]() -> result<void> {
    ++number;
    if (!blank(line)) {
      if (lines.size() >= limits.max_lines)
        return {errc::too_large, path.string() + ": more than " + std::to_string(limits.max_lines) + " lines"};
      auto parsed = parse_question_line(line, limits);
      if (!parsed) parsed = located(parsed.err(), path, number);
      lines.push_back(std::move(parsed));
    }
    line.clear();
    return {};
  };
  while (file) {
    file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    std::string_view rest(piece.data(), static_cast<std::size_t>(file.gcount()));
    while (!rest.empty()) {
      const auto end = rest.find('\n');
      const auto part = rest.substr(0, end);
      // One byte beyond the limit is enough to know that the line is too long.
      const std::size_t room = limits.max_line_bytes + 1 - line.size();
      line.append(part.substr(0, room));
      if (end == std::string_view::npos) break;
      FRESHET_TRY(finish());
      rest.remove_prefix(end + 1);
    }
  }
  if (file.bad()) return {errc::io, path.string() + ": " + std::strerror(errno)};
  if (!line.empty()) FRESHET_TRY(finish());
  return lines;
}

}  // namespace freshet::scenes
