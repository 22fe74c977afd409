// The JSON-lines file of a data folder: one question a line,
//   {"image": "relative/path.png", "question": "…", "answer": "…", "domain": "…"}
// where all but the question may be absent; without an image the question is about no picture. A bad line is kept as its
// error, so that indices are line numbers and the stream can count and skip it.
// Thread contract: plain values; read_question_file reads one file.
#pragma once

#include "kernels/base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace freshet::scenes {

struct question_line {
  std::optional<std::string> image;  ///< as written: relative, inside the folder; none: a question of text alone
  std::string question;
  std::optional<std::string> answer;
  std::optional<std::string> domain;
};

struct question_limits {
  std::size_t max_line_bytes = 64 << 10;
  std::size_t max_text_bytes = 4 << 10;  ///< of each field
  std::size_t max_lines = 16 << 20;
};

/// One line. The error's kind (skip_counter.hpp): bad_line, empty_question, unsafe_path, oversized.
[[nodiscard]] result<question_line> parse_question_line(std::string_view line, const question_limits& limits = {});

/// All lines that are not blank, in order. Fails only when the file cannot be read or has too many
/// lines; the errors of single lines name file and line number.
[[nodiscard]] result<std::vector<result<question_line>>> read_question_file(const std::filesystem::path& path,
                                                                            const question_limits& limits = {});

}  // namespace freshet::scenes
