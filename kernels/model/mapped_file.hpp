// A whole file mapped into memory; the pages load when they are touched.
// Owner: shared; whoever hands out views keeps a shared_ptr with them. Thread contract: immutable, but for
// what its owners write into a private mapping.
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

/// With copy_on_write the memory may be written to: a page becomes this process's own when it is, the file
/// never changes, and no memory is set aside before.
enum class mapping : std::uint8_t { read_only, copy_on_write };

class mapped_file {
 public:
  static result<std::shared_ptr<const mapped_file>> open(const std::filesystem::path& path,
                                                         mapping kind = mapping::read_only);
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
