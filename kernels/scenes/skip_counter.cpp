#include "kernels/scenes/skip_counter.hpp"

#include <numeric>

namespace freshet::scenes {
namespace {

constexpr std::array<std::string_view, all_skip_kinds> names{"bad_line",          "empty_question", "unsafe_path",
                                                             "missing_image",     "broken_image",   "oversized",
                                                             "unsupported_image", "unreadable",     "no_picture",
                                                             "unread_picture"};

}  // namespace

std::string_view name(skip_kind kind) noexcept { return names[static_cast<std::size_t>(kind)]; }

error skip_error(skip_kind kind, errc code, const std::string& context) {
  return {code, std::string(name(kind)) + ": " + context};
}

skip_kind kind_of(const error& why) noexcept {
  const std::string_view context = why.context;
  for (std::size_t i = 0; i < names.size(); ++i)
    if (context.substr(0, names[i].size()) == names[i] && context.substr(names[i].size(), 2) == ": ")
      return static_cast<skip_kind>(i);
  switch (why.code) {
    case errc::not_found:
      return skip_kind::missing_image;
    case errc::corrupt:
    case errc::truncated:
      return skip_kind::broken_image;
    case errc::too_large:
      return skip_kind::oversized;
    case errc::unsupported:
      return skip_kind::unsupported_image;
    default:
      return skip_kind::unreadable;
  }
}

bool skip_counter::count(const error& why) { return counts_[static_cast<std::size_t>(kind_of(why))]++ == 0; }

std::uint64_t skip_counter::of(skip_kind kind) const noexcept { return counts_[static_cast<std::size_t>(kind)]; }

std::uint64_t skip_counter::total() const noexcept {
  return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
}

std::string skip_counter::summary() const {
  std::string out;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] == 0) continue;
    if (!out.empty()) out += ", ";
    out += std::to_string(counts_[i]) + ' ' + std::string(names[i]);
  }
  return out;
}

}  // namespace freshet::scenes
