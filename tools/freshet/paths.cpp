#include "tools/freshet/paths.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

namespace freshet::cli {
namespace fs = std::filesystem;
namespace {

error system_error(const std::string& what) { return error{errc::io, what + ": " + std::strerror(errno)}; }

}  // namespace

std::string working_dir() {
  std::error_code code;
  const fs::path here = fs::current_path(code);
  return code ? "." : here.string();
}

std::string absolute(const std::string& path) {
  const fs::path plain = (fs::path(working_dir()) / path).lexically_normal();
  const std::string text = plain.string();
  return text.size() > 1 && text.back() == '/' ? text.substr(0, text.size() - 1) : text;
}

std::string default_state_dir() {
  const auto variable = [](const char* name) {
    const char* text = std::getenv(name);
    return std::string(text == nullptr ? "" : text);
  };
  if (const std::string xdg = variable("XDG_STATE_HOME"); !xdg.empty()) return absolute(xdg + "/freshet");
  if (const std::string home = variable("HOME"); !home.empty()) return absolute(home + "/.local/state/freshet");
  return absolute("freshet-state");
}

result<std::string> find_models() {
  const std::string inside = "models/scenes";
  std::vector<fs::path> places = {fs::path(working_dir()) / inside};
  std::error_code code;
  const fs::path program = fs::read_symlink("/proc/self/exe", code);
  // build/PRESET/freshet: the sources are two folders up.
  // PREFIX/bin/freshet: installed, with its models in PREFIX/share.
  if (!code) {
    places.push_back((program.parent_path() / "../.." / inside).lexically_normal());
    places.push_back((program.parent_path() / "../share/freshet" / inside).lexically_normal());
  }
  std::string looked;
  for (const fs::path& place : places) {
    if (fs::is_regular_file(place / "student" / "config.json", code)) return place.string();
    looked += (looked.empty() ? "" : " and ") + place.string();
  }
  return error{errc::not_found, "the shipped models (student/config.json below " + looked + ")"};
}

result<std::string> program_beside(const std::string& name) {
  std::error_code code;
  const fs::path self = fs::read_symlink("/proc/self/exe", code);
  if (code) return error{errc::io, "/proc/self/exe: " + code.message() + "; /proc must be mounted"};
  return (self.parent_path() / name).string();
}

std::string document_in(const std::string& state_dir) { return state_dir + "/freshet.toml"; }

void make_files_private() { ::umask(0077); }

result<void> make_folder(const std::string& path) {
  fs::path above;
  for (const auto& part : fs::path(path)) {
    above /= part;
    if (::mkdir(above.c_str(), 0700) == 0) continue;
    const int number = errno;
    std::error_code code;
    // An empty part stands behind a closing slash.
    if (!fs::is_directory(above, code)) return error{errc::io, above.string() + ": " + std::strerror(number)};
  }
  return {};
}

result<void> write_file(const std::string& path, const std::string& text) {
  const std::string temporary = path + ".new";
  const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return system_error(temporary);
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t wrote = ::write(file, text.data() + done, text.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) {
      const error failure = system_error(temporary);
      ::close(file);
      return failure;
    }
    done += static_cast<std::size_t>(wrote);
  }
  if (::fsync(file) != 0) {
    const error failure = system_error(temporary);
    ::close(file);
    return failure;
  }
  ::close(file);
  if (::rename(temporary.c_str(), path.c_str()) != 0) return system_error(path);
  return {};
}

result<state_lock> state_lock::take(const std::string& state_dir) {
  const std::string path = state_dir + "/lock";
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return system_error(path);
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    ::close(file);
    return error{errc::unavailable, state_dir + " is in use by another freshet; choose another folder with --state"};
  }
  return state_lock(file);
}

state_lock::~state_lock() {
  if (file_ >= 0) ::close(file_);
}

}  // namespace freshet::cli
