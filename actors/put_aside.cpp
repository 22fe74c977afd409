#include "actors/put_aside.hpp"

#include <system_error>

namespace freshet::actors {
namespace {

constexpr int most_names = 1000;

result<void> move_to(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::error_code problem;
  std::filesystem::rename(from, to, problem);
  if (!problem) return {};
  return {errc::io, from.string() + ": cannot be kept as " + to.string() + " (" + problem.message() + ")"};
}

}  // namespace

result<std::filesystem::path> put_aside(const std::filesystem::path& file, const std::string& why) {
  for (int n = 1; n <= most_names; ++n) {
    std::filesystem::path name = file;
    name += "." + why + "-" + std::to_string(n);
    std::error_code ignored;
    if (std::filesystem::exists(name, ignored)) continue;
    FRESHET_TRY(move_to(file, name));
    return name;
  }
  return error{errc::io, file.string() + ": " + std::to_string(most_names) + " " + why +
                             " ones lie beside it already; look at them and take them away"};
}

result<std::filesystem::path> put_database_aside(const std::filesystem::path& file) {
  FRESHET_TRY_ASSIGN(std::filesystem::path name, put_aside(file, "damaged"));
  // The log belongs to that file, and would be played into a new one.
  for (const char* beside : {"-wal", "-shm"}) {
    std::filesystem::path from = file;
    from += beside;
    std::error_code ignored;
    if (!std::filesystem::exists(from, ignored)) continue;
    std::filesystem::path to = name;
    to += beside;
    FRESHET_TRY(move_to(from, to));
  }
  return name;
}

}  // namespace freshet::actors
