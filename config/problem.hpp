// What is wrong with a document. A reader collects every problem instead of stopping at the first,
// so that a file is put right in one go.
// Thread contract: plain values.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "config/position.hpp"
#include "kernels/base/error.hpp"

namespace freshet::config {

struct problem {
  position at;
  std::string key;      ///< dotted path of the setting ("device.batch"); empty for the document as a whole
  std::string message;  ///< the offending value and what would be right
};

/// All problems of one document, reported in the order of the file.
class problems {
 public:
  explicit problems(std::string file) : file_(std::move(file)) {}

  void add(position at, std::string key, std::string message);

  [[nodiscard]] bool empty() const noexcept { return list_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return list_.size(); }
  [[nodiscard]] const std::string& file() const noexcept { return file_; }
  /// In the order of the file; equal places keep the order in which they were found.
  [[nodiscard]] std::vector<problem> sorted() const;
  /// One line a problem: "file:line:column: key: message".
  [[nodiscard]] std::string text() const;
  /// errc::config with the text as its context.
  [[nodiscard]] error as_error() const;

 private:
  std::string file_;
  std::vector<problem> list_;
};

}  // namespace freshet::config
