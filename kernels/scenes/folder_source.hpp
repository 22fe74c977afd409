// Real data as a stream: the questions of a JSON-lines file about image files beside it, or about nothing
// but themselves, with any filter shift on top of pictures. Images are decoded when first asked for and kept, resized, within a bound.
//
// at(i) is line i of the file (blank lines not counted), or its error: bad input is for the caller
// to count (skip_counter.hpp) and skip. example_at(i) is image i with all its answered questions; lines
// without an image are in no example.
// Thread contract: const members may be called from several threads at once.
#pragma once

#include "kernels/base/result.hpp"
#include "kernels/scenes/image_file.hpp"
#include "kernels/scenes/question_file.hpp"
#include "kernels/scenes/shifts.hpp"
#include "kernels/scenes/skip_counter.hpp"
#include "kernels/scenes/source.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace freshet::scenes {

struct folder_options {
  int side = 0;                 ///< pictures are resized to a square of that side; 0 keeps their size
  bool pictures = true;         ///< false, for who reads text only: no image is opened, its lines are errors
  std::string shift = "clean";  ///< any filter; "semantic" is refused, its words belong to scenes
  double severity = default_severity;
  std::uint64_t seed = 0;
  bool shuffle = false;  ///< a permutation of the lines, fixed by the seed, instead of file order
  /// Domain of lines that name none; with a filter on top the filter's name is added.
  std::string domain = "clean";
  image_limits images;
  question_limits questions;
  std::uint64_t max_cache_bytes = 256ULL << 20;
};

class folder_source final : public sample_source {
 public:
  /// Reads and checks all lines; image paths are relative to the file's folder.
  static result<std::unique_ptr<folder_source>> open(const std::filesystem::path& jsonl, folder_options options = {});

  [[nodiscard]] result<sample> at(std::uint64_t index) const override;
  [[nodiscard]] std::uint64_t size() const override { return lines_.size(); }

  /// Images that have at least one answered question, in order of first mention.
  [[nodiscard]] std::uint64_t image_count() const noexcept { return groups_.size(); }
  /// All answered questions of one image. `draw` chooses the filter's randomness: another number is
  /// another fog over the same picture.
  [[nodiscard]] result<example> example_at(std::uint64_t image, std::uint64_t draw = 0) const;

  /// Counts the lines that are bad by themselves (not their images, which are read later).
  void count_bad_lines(skip_counter& counter) const;
  [[nodiscard]] std::uint64_t cached_bytes() const;

 private:
  using group = std::vector<std::size_t>;  ///< lines about one image, never empty

  folder_source(std::filesystem::path folder, folder_options options, const shift& filter,
                std::vector<result<question_line>> lines);
  [[nodiscard]] result<std::shared_ptr<const image>> picture_of(const std::string& file) const;
  [[nodiscard]] std::string domain_of(const question_line& line) const;

  std::filesystem::path folder_;
  folder_options options_;
  const shift* filter_;  // into the constant registry
  std::vector<result<question_line>> lines_;
  std::vector<std::size_t> order_;  // empty: file order
  std::vector<group> groups_;

  // What is once in stays: under a cyclic scan larger than the bound, any eviction by age would
  // decode everything again and again.
  mutable std::mutex cache_mutex_;
  mutable std::unordered_map<std::string, std::shared_ptr<const image>> cache_;
  mutable std::uint64_t cached_bytes_ = 0;
};

}  // namespace freshet::scenes
