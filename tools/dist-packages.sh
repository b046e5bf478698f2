# shellcheck shell=bash disable=SC2154 # some variables are those of the others
# The packages of a release: archives, for Debian and RPM, for Node and Python, an image, and
# what package managers read. Read by ./dev.

name=latchstring
maintainer='The latchstring project <latchstring@users.noreply.github.com>'
home=https://github.com/latchstring/latchstring
summary='Logs a command line in, and hands out fresh access tokens'
# The certificates of the image: those of Mozilla, as Python's package has them.
certificates=certifi==2026.10.19.post1
python_build='build==1.6.1'

# make_packages STAGE VERSION: everything in dist/, of the programs in STAGE/TARGET.
make_packages() {
  local stage=$1 version=$2 target
  # The time of everything in them.
  SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
  export SOURCE_DATE_EPOCH
  make_documents "$stage/documents"
  for target in "${released[@]}"; do archive "$stage" "$version" "$target"; done
  for target in x86_64 aarch64; do
    # With glibc: modules of smart cards are loaded at run time, which a static program cannot.
    install_tree "$stage" "$target-unknown-linux-gnu" "$stage/root-$target"
    package_for_debian "$stage" "$version" "$target"
    package_for_rpm "$stage" "$version" "$target"
  done
  package_for_node
  package_for_python
  image "$stage" "$version"
  manifests "$version"
}

# The names of an architecture, as Debian and container images call it.
debian_name() { case $1 in x86_64) echo amd64 ;; aarch64) echo arm64 ;; esac; }

# make_documents FOLDER: manual pages in FOLDER/man, completions in FOLDER/completions, as the
# program of this machine writes them.
make_documents() {
  local shell
  mkdir -p "$1/man" "$1/completions"
  "$dist_bin/latch" manual "$1/man"
  for shell in bash elvish fish powershell zsh; do
    "$dist_bin/latch" completions "$shell" >"$1/completions/latch.$shell"
  done
  mv "$1/completions/latch.zsh" "$1/completions/_latch"
}

# settle FOLDER: the times and modes of what is packaged say nothing of this machine.
settle() {
  chmod -R u=rwX,go=rX "$1"
  find "$1" -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +
}

# archive STAGE VERSION TARGET: the program with its documents, in a folder.
archive() {
  local stage=$1 folder=latch-$2-$3
  rm -rf "${stage:?}/$folder"
  mkdir "$stage/$folder"
  cp "$stage/$3"/latch* README.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT "$stage/$folder"
  cp -r "$stage/documents/." "$stage/$folder"
  find "$stage/$folder" -type d -empty -delete
  settle "$stage/$folder"
  case $3 in
    *windows*)
      has zip || apt "what makes archives for Windows" zip
      (cd "$stage" && find "$folder" | LC_ALL=C sort | TZ=UTC zip -q -X -@ "$dist/$folder.zip")
      ;;
    *)
      (cd "$stage" && packed "$folder" | gzip -n9) >"$dist/$folder.tar.gz"
      ;;
  esac
}

# packed ARGUMENT...: a tar archive that is the same on every machine.
packed() { tar_as 0 --create "$@"; }

# with_owner ID MODE ARGUMENT...: adds folders of that user to an archive.
with_owner() { tar_as "$1" --append --mode="$2" "${@:3}"; }

tar_as() {
  LC_ALL=C tar --sort=name --format=ustar --owner="$1" --group="$1" --numeric-owner \
    --mtime="@$SOURCE_DATE_EPOCH" "${@:2}"
}

# install_tree STAGE TARGET ROOT: the files of a package, as they are installed.
install_tree() {
  local documents=$1/documents root=$3 file
  rm -rf "$root"
  install -D -m 755 "$1/$2/latch" "$root/usr/bin/latch"
  for file in README.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT; do
    install -D -m 644 "$file" "$root/usr/share/doc/$name/$file"
  done
  [ -e "$documents/completions/_latch" ] || return 0
  install -D -m 644 -t "$root/usr/share/man/man1" "$documents"/man/*.1
  gzip -n9 "$root"/usr/share/man/man1/*
  install -D -m 644 "$documents/completions/latch.bash" \
    "$root/usr/share/bash-completion/completions/latch"
  install -D -m 644 "$documents/completions/latch.fish" \
    "$root/usr/share/fish/vendor_completions.d/latch.fish"
  install -D -m 644 "$documents/completions/_latch" "$root/usr/share/zsh/site-functions/_latch"
}

# package_for_debian STAGE VERSION ARCHITECTURE. For Debian 11 and newer, and what comes of it.
package_for_debian() {
  local root=$1/debian-$3 architecture zsh
  architecture=$(debian_name "$3")
  has dpkg-deb || apt "what makes packages for Debian" dpkg
  rm -rf "$root"
  cp -r "$1/root-$3" "$root"
  # Debian's zsh looks in a folder of its own.
  zsh=$root/usr/share/zsh
  if [ -d "$zsh" ]; then mv "$zsh/site-functions" "$zsh/vendor-completions"; fi
  {
    printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n'
    printf 'Upstream-Name: %s\nSource: %s\n\nFiles: *\n' "$name" "$home"
    printf 'Copyright: the latchstring authors\nLicense: MIT or Apache-2.0\n'
    printf ' See LICENSE-MIT and LICENSE-APACHE in this folder.\n'
  } >"$root/usr/share/doc/$name/copyright"
  mkdir "$root/DEBIAN"
  cat >"$root/DEBIAN/control" <<EOF
Package: $name
Version: $2
Architecture: $architecture
Maintainer: $maintainer
Installed-Size: $(du -sk "$root/usr" | cut -f1)
Depends: libc6 (>= $oldest_glibc)
Recommends: ca-certificates
Suggests: xdg-utils
Section: utils
Priority: optional
Homepage: $home
Description: $summary
 latch logs in to any OAuth 2.0 or OpenID Connect provider, keeps the session,
 and gives fresh access tokens to the programs that need them.
EOF
  settle "$root"
  dpkg-deb --root-owner-group -Zxz --build "$root" \
    "$dist/${name}_$2_$architecture.deb" >/dev/null
}

# package_for_rpm STAGE VERSION ARCHITECTURE. rpmbuild finds out which libraries it needs.
package_for_rpm() {
  local folder=$1/rpm-$3
  has rpmbuild || apt "what makes RPM packages" rpm
  rm -rf "$folder"
  mkdir -p "$folder"
  cat >"$folder/$name.spec" <<EOF
Name: $name
Version: $2
Release: 1
Summary: $summary
License: MIT OR Apache-2.0
URL: $home

%description
latch logs in to any OAuth 2.0 or OpenID Connect provider, keeps the session,
and gives fresh access tokens to the programs that need them.

%install
cp -r $1/root-$3/. %{buildroot}

%files
$(cd "$1/root-$3" && find . ! -type d | sed 's/^\.//' | LC_ALL=C sort)
%dir /usr/share/doc/$name
EOF
  rpmbuild -bb --quiet --target "$3-linux" \
    --define "_topdir $folder" --define "_rpmdir $dist" --define '_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' \
    --define '__os_install_post %{nil}' --define 'debug_package %{nil}' \
    --define '_build_id_links none' --define '_buildhost latchstring' \
    --define 'use_source_date_epoch_as_buildtime 1' \
    --define 'clamp_mtime_to_source_date_epoch 1' "$folder/$name.spec"
}

# The Node host with the components that it runs.
package_for_node() {
  setup_node
  install_node_host
  programs=$dist_bin make_node_host
  npm --prefix host/node run --silent types
  npm pack --silent --pack-destination "$dist" ./host/node >/dev/null
}

package_for_python() {
  local folder
  folder=$cache/python-build-$(hash_of_text "$python_build")
  if [ ! -e "$folder/complete" ]; then
    say "installing what makes Python packages"
    rm -rf "$folder"
    python3 -m venv "$folder"
    "$folder/bin/pip" install --quiet --disable-pip-version-check "$python_build"
    touch "$folder/complete"
  fi
  programs=$dist_bin make_python_host
  "$folder/bin/python" -m build --outdir "$dist" host/python >/dev/null
  rm -rf host/python/*.egg-info host/python/build
}

# image STAGE VERSION: a container image of nothing but the program and certificates.
image() {
  local stage=$1 target layers=() root
  root_certificates "$stage/cacert.pem"
  for target in x86_64 aarch64; do
    root=$stage/image-$target
    rm -rf "$root"
    install -D -m 755 "$stage/$target-unknown-linux-musl/latch" "$root/usr/bin/latch"
    install -D -m 644 "$stage/cacert.pem" "$root/etc/ssl/certs/ca-certificates.crt"
    install -D -m 644 LICENSE-MIT LICENSE-APACHE --target-directory "$root/usr/share/doc/$name"
    mkdir -p "$root/home/latch" "$root/tmp"
    settle "$root"
    # A user without rights, who owns a home for the sessions.
    (
      cd "$root" || return
      packed --file "../image-$target.tar" etc usr
      with_owner 65532 700 --file "../image-$target.tar" home/latch
      with_owner 0 1777 --file "../image-$target.tar" tmp
    )
    layers+=("$(debian_name "$target")=$stage/image-$target.tar")
  done
  "$dist_bin/layout" image "$dist/oci/latch" "$2" "${layers[@]}" >/dev/null
}

# root_certificates FILE
root_certificates() {
  local folder
  folder=$cache/certificates-$(hash_of_text "$certificates")
  if [ ! -e "$folder/complete" ]; then
    say "downloading the certificates of the image"
    rm -rf "$folder"
    PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check \
      --no-deps --target "$folder" "$certificates"
    touch "$folder/complete"
  fi
  cp "$folder/certifi/cacert.pem" "$1"
}

# manifests VERSION: what Homebrew, Scoop, winget and Arch's users read, in dist/manifests.
manifests() {
  local template file
  for template in tools/manifests/* tools/manifests/winget/*; do
    [ -f "$template" ] || continue
    file=$dist/manifests/${template#tools/manifests/}
    mkdir -p "$(dirname "$file")"
    render "$1" <"$template" >"$file"
  done
}

# render VERSION: fills in a template: @VERSION@, @HOME@, @URL@, and @SHA256:FILE@, in which
# FILE is one of dist/.
render() {
  local text file
  text=$(sed "s,@VERSION@,$1,g; s,@HOME@,$home,g; s,@URL@,$home/releases/download/v$1,g")
  while [[ $text =~ @SHA256:([^@]+)@ ]]; do
    file=$dist/${BASH_REMATCH[1]}
    [ -e "$file" ] || fail "a template names ${file##*/}, which the release does not have"
    text=${text//"${BASH_REMATCH[0]}"/$(hash_of "$file")}
  done
  printf '%s\n' "$text"
}
