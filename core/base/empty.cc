// keeps keelson_base a library until its first source is here
