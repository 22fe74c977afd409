// What a disk may hold after its power was cut: from a recorded life (write_recorder.cpp), for any moment of it.
//
// Kept for sure is what was synced: a file's bytes by fsync of the file, its name (made, renamed, removed) by fsync of
// its folder, and the name of a new file by the first sync of the file, as Linux's journalling file systems do. Of what
// was not synced each write and each change of a name is there or not, by a draw; of the last write to be there perhaps
// only a part. Files in `beyond` lie elsewhere (they stand for the memory of other hosts) and lose nothing. Syncs of
// the files in `deaf` are left out, to show that they are needed.
#pragma once

#include "kernels/base/rng.hpp"

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace freshet::test {

class power_cut {
 public:
  power_cut(const std::filesystem::path& trace, std::set<std::string> beyond, const std::set<std::string>& deaf = {})
      : beyond_(std::move(beyond)) {
    std::ifstream in(trace, std::ios::binary);
    std::string head;
    while (std::getline(in, head)) {
      event e;
      std::size_t bytes = 0, path = 0, other = 0;
      if (std::sscanf(head.c_str(), "%c %ld %zu %zu %zu", &e.what, &e.number, &bytes, &path, &other) != 5)
        throw std::runtime_error("a trace line: " + head);
      const auto take = [&](std::string& to, std::size_t n) {
        to.resize(n);
        in.read(to.data(), static_cast<std::streamsize>(n));
      };
      take(e.path, path);
      take(e.other, other);
      take(e.data, bytes);
      if (!in) throw std::runtime_error("a trace that ends too early");
      if (e.what != 's' || deaf.count(e.path) == 0) events_.push_back(std::move(e));
    }
  }

  [[nodiscard]] std::size_t moments() const { return events_.size(); }
  [[nodiscard]] bool is_sync(std::size_t moment) const { return events_[moment].what == 's'; }

  /// Fills an empty folder with what may be there when the power goes after `moment` events. `kept` is the chance of
  /// what was not synced.
  void leave(std::size_t moment, double kept, rng draw, const std::filesystem::path& folder) const {
    disk now;
    for (std::size_t i = 0; i < moment; ++i) now.take(events_[i], beyond_);
    now.lose(kept, draw);
    for (const auto& [path, file] : now.names) {
      const auto where = folder / path;
      std::filesystem::create_directories(where.parent_path());
      std::ofstream(where, std::ios::binary) << now.files.at(file).content;
    }
  }

 private:
  struct event {
    char what = 0;
    long number = 0;
    std::string path, other, data;
  };
  struct file_state {
    std::string content;          ///< synced
    std::vector<event> unsynced;  ///< w, a, t in order
    bool named = false;           ///< its first name counts
  };
  struct name_change {
    std::string path;
    std::size_t file = 0;
    bool there = false;
  };
  struct disk {
    std::map<std::string, std::size_t> names;  ///< synced
    std::map<std::string, std::size_t> seen;   ///< as processes see it
    std::vector<std::vector<name_change>> changes;  ///< not synced; each in whole or not at all
    std::map<std::size_t, file_state> files;
    std::size_t next = 0;

    static std::string folder_of(const std::string& path) {
      const auto slash = path.rfind('/');
      return slash == std::string::npos ? "" : path.substr(0, slash);
    }
    static void apply(std::string& content, const event& e, std::size_t bytes) {
      if (e.what == 't') return content.resize(static_cast<std::size_t>(e.number));
      const auto at = e.what == 'a' ? content.size() : static_cast<std::size_t>(e.number);
      if (content.size() < at + bytes) content.resize(at + bytes);
      content.replace(at, bytes, e.data, 0, bytes);
    }
    void put(const name_change& c) {
      if (c.there) {
        names[c.path] = c.file;
      } else {
        names.erase(c.path);
      }
    }
    void take(const event& e, const std::set<std::string>& beyond) {
      const auto there = seen.find(e.path);
      switch (e.what) {
        case 'c':
          if (there != seen.end()) return;
          seen[e.path] = next;
          files[next].named = beyond.count(e.path) != 0;
          if (files[next].named) {
            names[e.path] = next;
          } else {
            changes.push_back({{e.path, next, true}});
          }
          ++next;
          return;
        case 'w':
        case 'a':
        case 't':
          if (there == seen.end()) return;
          if (beyond.count(e.path) != 0) {
            apply(files[there->second].content, e, e.data.size());
          } else {
            files[there->second].unsynced.push_back(e);
          }
          return;
        case 's': {
          if (there == seen.end()) return sync_folder(e.path);
          file_state& f = files[there->second];
          for (const event& w : f.unsynced) apply(f.content, w, w.data.size());
          f.unsynced.clear();
          if (!f.named) sync_first_name(there->second);
          return;
        }
        case 'r':
          if (there == seen.end()) return;
          changes.push_back({{e.path, there->second, false}, {e.other, there->second, true}});
          seen[e.other] = there->second;
          seen.erase(e.path);
          return;
        case 'u':
          if (there == seen.end()) return;
          changes.push_back({{e.path, there->second, false}});
          seen.erase(there);
          return;
        default:
          throw std::runtime_error("a trace of something else");
      }
    }
    void sync_folder(const std::string& folder) {
      std::vector<std::vector<name_change>> others;
      for (const auto& change : changes) {
        if (folder_of(change.back().path) != folder) {
          others.push_back(change);
          continue;
        }
        for (const auto& c : change) put(c);
        files[change.back().file].named = true;
      }
      changes = std::move(others);
    }
    void sync_first_name(std::size_t file) {
      files[file].named = true;
      for (auto it = changes.begin(); it != changes.end(); ++it) {
        if (it->size() != 1 || !it->front().there || it->front().file != file) continue;
        put(it->front());
        changes.erase(it);
        return;
      }
    }
    void lose(double kept, rng& draw) {
      // Names are written by a journal: in order, up to some moment.
      for (const auto& change : changes) {
        if (!draw.chance(kept)) break;
        for (const auto& c : change) put(c);
      }
      for (auto& [number, f] : files) {
        const event* last = nullptr;
        for (const event& w : f.unsynced) {
          if (!draw.chance(kept)) continue;
          if (last != nullptr) apply(f.content, *last, last->data.size());
          last = &w;
        }
        if (last == nullptr) continue;
        const bool torn = last->what != 't' && draw.chance(0.5);
        apply(f.content, *last, torn ? static_cast<std::size_t>(draw.below(last->data.size() + 1)) : last->data.size());
      }
    }
  };

  std::vector<event> events_;
  std::set<std::string> beyond_;
};

}  // namespace freshet::test
