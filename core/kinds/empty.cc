// keeps keelson_kinds a library until its first source is here
