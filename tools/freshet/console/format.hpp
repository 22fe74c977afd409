// Figures as short texts of a known width at most: "1.2k", "34 %", "4.1 kB", "1.3 ms".
// Thread contract: pure functions.
#pragma once

#include <optional>
#include <string>

namespace freshet::cli {

using maybe = std::optional<double>;

/// Nothing is "–" everywhere.
[[nodiscard]] std::string short_number(const maybe& n);  ///< at most 5 columns
[[nodiscard]] std::string whole_number(const maybe& n);
[[nodiscard]] std::string short_percent(const maybe& share);  ///< "87.4 %", of 0..1
[[nodiscard]] std::string short_bytes(const maybe& bytes);    ///< at most 7 columns
[[nodiscard]] std::string short_time(const maybe& us);        ///< microseconds; at most 6 columns
[[nodiscard]] std::string clock_time(double seconds);         ///< "0:01:05"

}  // namespace freshet::cli
