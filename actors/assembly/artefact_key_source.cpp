#include "actors/assembly/artefact_key_source.hpp"

#include <utility>

#include <sys/stat.h>

namespace freshet::actors {

namespace {

/// What tells one file in this place from its successor.
struct seal {
  ino_t file = 0;
  timespec changed{};
  friend bool operator==(const seal& a, const seal& b) {
    return a.file == b.file && a.changed.tv_sec == b.changed.tv_sec && a.changed.tv_nsec == b.changed.tv_nsec;
  }
};

seal seal_of(const std::filesystem::path& file) {
  struct stat found {};
  if (::stat(file.c_str(), &found) != 0) return {};
  return {found.st_ino, found.st_ctim};
}

}  // namespace

result<artefact_key_source> keys_in_file(const std::filesystem::path& file) {
  const seal first_seal = seal_of(file);
  auto first = access::artefact_keys::read(file);
  if (!first && first.err().code == errc::not_found) {
    return error{errc::not_found, file.string() + ", the keys that artefacts are signed with; `freshet keys new "
                                                  "--artefacts` makes them"};
  }
  if (!first) return first.err();
  struct state {
    seal seen;
    std::shared_ptr<const access::artefact_keys> keys;
  };
  auto now = std::make_shared<state>(
      state{first_seal, std::make_shared<const access::artefact_keys>(std::move(first).value())});
  return artefact_key_source([file, now] {
    const seal present = seal_of(file);
    if (!(present == now->seen)) {
      if (auto again = access::artefact_keys::read(file); again.ok()) {
        now->keys = std::make_shared<const access::artefact_keys>(std::move(again).value());
        now->seen = present;
      }
    }
    return now->keys;
  });
}

}  // namespace freshet::actors
