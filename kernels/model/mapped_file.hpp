// A whole file mapped read-only into memory; the pages load when they are touched.
// Owner: shared; whoever hands out views keeps a shared_ptr with them. Thread contract: immutable.
//
// The mapping stays whole when the name is replaced by rename (as write_whole_file does). A file
// that another program shortens in place takes its pages away, and touching them ends the process:
// model folders are replaced, never edited.
#pragma once

#include "kernels/base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>

namespace freshet::model {

class mapped_file {
 public:
  static result<std::shared_ptr<const mapped_file>> open(const std::filesystem::path& path);
  mapped_file(const mapped_file&) = delete;
  mapped_file& operator=(const mapped_file&) = delete;
  ~mapped_file();

  [[nodiscard]] const std::uint8_t* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  mapped_file(const std::uint8_t* data, std::size_t bytes) : data_(data), bytes_(bytes) {}
  const std::uint8_t* data_;
  std::size_t bytes_;
};

}  // namespace freshet::model
