#include "kernels/scenes/folder_source.hpp"

#include <algorithm>
#include <numeric>

namespace freshet::scenes {
namespace {

constexpr int max_side = 4096;

/// The kind under which an image's error is counted, from the decoder's code.
error image_error(const error& why) {
  const skip_kind kind = kind_of(why);
  return skip_error(kind, why.code, why.context);
}

}  // namespace

result<std::unique_ptr<folder_source>> folder_source::open(const std::filesystem::path& jsonl, folder_options options) {
  FRESHET_TRY_ASSIGN(const shift* filter, find_shift(options.shift));
  if (filter->kind == shift_kind::semantic)
    return {errc::invalid_argument, jsonl.string() + ": shift \"" + options.shift +
                                        "\" changes scenes and their wording; over image files only filters work"};
  if (!(options.severity >= 0.0 && options.severity <= 1.0))
    return {errc::invalid_argument, "severity " + std::to_string(options.severity) + "; it lies in [0, 1]"};
  if (options.side < 0 || options.side > max_side)
    return {errc::invalid_argument, "picture side " + std::to_string(options.side) + "; it lies in [0, " +
                                        std::to_string(max_side) + "], 0 keeps the size"};
  FRESHET_TRY_ASSIGN(auto lines, read_question_file(jsonl, options.questions));
  return std::unique_ptr<folder_source>(
      new folder_source(jsonl.parent_path(), std::move(options), *filter, std::move(lines)));
}

folder_source::folder_source(std::filesystem::path folder, folder_options options, const shift& filter,
                             std::vector<result<question_line>> lines)
    : folder_(std::move(folder)), options_(std::move(options)), filter_(&filter), lines_(std::move(lines)) {
  if (options_.shuffle) {
    order_.resize(lines_.size());
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    rng random = rng(options_.seed).split("order");
    random.shuffle(order_);
  }
  std::unordered_map<std::string, std::size_t> group_of;
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    if (!lines_[i] || !lines_[i]->answer || !lines_[i]->image) continue;
    const auto [found, is_new] = group_of.emplace(*lines_[i]->image, groups_.size());
    if (is_new) groups_.emplace_back();
    groups_[found->second].push_back(i);
  }
}

result<sample> folder_source::at(std::uint64_t index) const {
  if (index >= lines_.size())
    return {errc::invalid_argument,
            "sample " + std::to_string(index) + " of a stream of " + std::to_string(lines_.size())};
  const auto position = static_cast<std::size_t>(index);
  const auto& line = lines_[order_.empty() ? position : order_[position]];
  if (!line) return line.err();
  sample out;
  if (line->image) {
    FRESHET_TRY_ASSIGN(const auto picture, picture_of(*line->image));
    out.picture = *picture;
    rng random = rng(options_.seed).split("filter").split(index);
    filter_->apply(out.picture, options_.severity, random);
  }
  out.question = line->question;
  out.answer = line->answer;
  out.domain = domain_of(*line);
  out.index = index;
  return out;
}

result<example> folder_source::example_at(std::uint64_t image, std::uint64_t draw) const {
  if (image >= groups_.size())
    return {errc::invalid_argument, "image " + std::to_string(image) + " of " + std::to_string(groups_.size())};
  const group& all = groups_[static_cast<std::size_t>(image)];
  const question_line& first = *lines_[all.front()];
  FRESHET_TRY_ASSIGN(const auto picture, picture_of(*first.image));
  example out;
  out.picture = *picture;
  rng random = rng(options_.seed).split("example").split(image).split(draw);
  filter_->apply(out.picture, options_.severity, random);
  for (const std::size_t i : all) out.questions.push_back({lines_[i]->question, *lines_[i]->answer, category::other});
  out.domain = domain_of(first);
  return out;
}

void folder_source::count_bad_lines(skip_counter& counter) const {
  for (const auto& line : lines_)
    if (!line) counter.count(line.err());
}

std::uint64_t folder_source::cached_bytes() const {
  const std::lock_guard<std::mutex> lock(cache_mutex_);
  return cached_bytes_;
}

result<std::shared_ptr<const image>> folder_source::picture_of(const std::string& file) const {
  if (!options_.pictures)
    return skip_error(skip_kind::unread_picture, errc::invalid_argument, file + ", and text only is read here");
  {
    const std::lock_guard<std::mutex> lock(cache_mutex_);
    const auto found = cache_.find(file);
    if (found != cache_.end()) return found->second;
  }
  // Decoded outside the lock: two threads may decode the same image once each, never wait.
  auto decoded = read_image(folder_ / file, options_.images);
  if (!decoded) return image_error(decoded.err());
  if (options_.side > 0) *decoded = resize(*decoded, options_.side, options_.side);
  auto picture = std::make_shared<const image>(std::move(*decoded));

  const std::lock_guard<std::mutex> lock(cache_mutex_);
  const std::uint64_t bytes = picture->rgb.size();
  if (cached_bytes_ + bytes <= options_.max_cache_bytes && cache_.emplace(file, picture).second)
    cached_bytes_ += bytes;
  return picture;
}

std::string folder_source::domain_of(const question_line& line) const {
  const std::string& own = line.domain ? *line.domain : options_.domain;
  if (filter_->kind == shift_kind::none) return own;
  // A plain folder's phases are named after the shifts alone.
  return own == "clean" ? std::string(filter_->name) : own + "+" + std::string(filter_->name);
}

}  // namespace freshet::scenes
